// Reads the colours of VS Code's themes out of a real webview and keeps those that webviews use:
// npm run themes
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium, launchChromium } from '../test/browser/chromium.ts';
import { startCodeServer } from '../test/vscode/codeServer.ts';
import { codeServerPieces } from '../test/vscode/codeServerPieces.ts';
import { THEMES, Workbench, type ThemeName } from '../test/vscode/workbench.ts';

/** What a webview's document is given: variables on its root, classes and names on its body. */
interface ThemePage {
  readonly kind: string;
  readonly id: string;
  readonly classes: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const OUT = join(ROOT, 'test/webview/fixtures/themes.json');
/** Families of names that a panel may well use next, besides those that it does. */
const FAMILIES =
  /^--vscode-(badge|button|charts|checkbox|contrast|descriptionForeground|disabledForeground|dropdown|editor-(background|font|foreground|inactiveSelection|selectionBackground)|editorHoverWidget|editorWarning|editorError|editorInfo|editorWidget|errorForeground|focusBorder|font|foreground|gauge|icon-|inputOption|inputValidation|input-|keybindingLabel|list-(active|focus|hover|inactive)|menu-|notifications-(background|foreground)|panel|progressBar|scrollbar|settings|sideBar-|symbolIcon|tab-(active|inactive|border)|terminal-ansi(Blue|Green|Red|Yellow)|testing-icon(Passed|Failed)|text|toolbar|tree-|widget)/;
const PAGE = `(() => {
  const { style } = document.documentElement;
  const names = Array.from(style).filter((name) => name.startsWith('--vscode-')).sort();
  return {
    kind: document.body.dataset.vscodeThemeKind,
    id: document.body.dataset.vscodeThemeId,
    classes: Array.from(document.body.classList).filter((name) => /^vscode-(?!reduce)/.test(name)),
    variables: Object.fromEntries(names.map((name) => [name, style.getPropertyValue(name).trim()])),
  };
})()`;

const [pieces, chromium] = [await codeServerPieces(), await findChromium()];
if (!pieces.ok) throw new Error(pieces.reason);
if (!chromium.ok) throw new Error(chromium.reason);
const used = await usedNames();
const home = await mkdtemp(join(tmpdir(), 'subnet-themes-'));
await writeFile(join(home, 'page.md'), '# Page\n');
const server = await startCodeServer(pieces, { folder: home, vsix: [], home: join(home, 'code') });
const browser = await launchChromium(chromium);
try {
  const workbench = await Workbench.open(browser, server);
  await workbench.openFile('page.md');
  // Any webview is given the same variables; that of Markdown is always there.
  await workbench.runCommand('Markdown: Open Preview');
  const themes: Partial<Record<ThemeName, ThemePage>> = {};
  for (const theme of Object.keys(THEMES) as ThemeName[]) {
    await workbench.setTheme(theme);
    const page = await (await workbench.webview('#page')).evaluate<ThemePage>(PAGE);
    const kept = Object.entries(page.variables).filter(
      ([name]) => used.has(name) || FAMILIES.test(name),
    );
    themes[theme] = { ...page, variables: Object.fromEntries(kept) };
    console.log(theme, page.id, `${kept.length} of ${Object.keys(page.variables).length}`);
  }
  await writeFile(OUT, `${JSON.stringify(themes, null, 1)}\n`);
} finally {
  await browser.close();
  await server.stop();
  await rm(home, { recursive: true, force: true });
}

/** Names of variables in the sources of the webview and in its toolkit. */
async function usedNames(): Promise<Set<string>> {
  const sources = (await readdir(join(ROOT, 'webview'), { recursive: true }))
    .filter((name) => /\.(ts|css)$/.test(name))
    .map((name) => join('webview', name));
  const toolkit = 'node_modules/@vscode/webview-ui-toolkit/dist/toolkit.js';
  const texts = await Promise.all(
    [...sources, toolkit].map((path) => readFile(join(ROOT, path), 'utf8')),
  );
  return new Set(texts.flatMap((text) => text.match(/--vscode-[\w-]+/g) ?? []));
}
