// Draws media/icon.svg as the image that VS Code shows: npm run icon
import { readFile, writeFile } from 'node:fs/promises';
import { findChromium, launchChromium } from '../test/browser/chromium.ts';

/** Shown at half of it, for screens with twice the pixels. */
const PIXELS = 256;

const media = new URL('../media/', import.meta.url);
const svg = await readFile(new URL('icon.svg', media), 'utf8');
const found = await findChromium();
if (!found.ok) throw new Error(found.reason);
const browser = await launchChromium(found);
const page = await browser.newPage({ viewport: { width: PIXELS, height: PIXELS } });
const style = `body{margin:0}svg{width:${PIXELS}px;height:${PIXELS}px;display:block}`;
await page.setContent(`<style>${style}</style>${svg}`);
await writeFile(new URL('icon.png', media), await page.screenshot({ omitBackground: true }));
await browser.close();
