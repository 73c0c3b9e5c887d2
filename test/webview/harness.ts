import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Frame, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../browser/chromium.ts';
import type { RecordedRun } from '../fixtures/recordedRun.ts';
import type { ThemeName } from '../vscode/workbench.ts';
import { startPanelServer, type PanelOptions, type PanelServer } from './panelServer.ts';
import type { ComparisonSession } from './comparisonSession.ts';
import type { PanelSession } from './panelSession.ts';
import { recordedPanels, type RecordedPanels } from './recordedPanels.ts';

/*
 * How to test the dashboard in a real browser, on the built bundle (`npm run build` first):
 *
 *   const harness = await startHarness();
 *   if (!harness.ok) return t.skip(harness.reason);        // no browser can be had
 *   const panel = await harness.open({ runs: ['mid'], theme: 'dark' });
 *   await panel.frame.locator('.fitness').waitFor();        // the page of the webview
 *   assert.deepEqual(await panel.problems(), []);           // CSP, errors, failed requests
 *   assert.deepEqual(await panel.axe(), []);                // accessibility
 *   await panel.screenshot('mid-dark');                     // out/screenshots/mid-dark.png
 *   panel.session().acts                                    // what buttons asked the host for
 *   harness.recorded('mid-running').next()                  // one more event of a running run
 *   await panel.close(); await harness.close();
 *
 * Names of runs are in test/fixtures/recordedRuns.ts; several in `runs` make a comparison. A
 * comparison of methods is `{ runs: [], methods: 'methods' }`, with a name of
 * test/fixtures/recordedComparison.ts, and its end of the host is `panel.comparison()`.
 * `npm run panel` shows the same pages to a person.
 */

/** A panel in a browser. */
export interface OpenPanel {
  readonly page: Page;
  /** The document of the webview. */
  readonly frame: Frame;
  /** The host's end, to tell things and to see what was asked for. */
  session(): PanelSession;
  /** The same of a comparison of methods. */
  comparison(): ComparisonSession;
  setTheme(theme: ThemeName): Promise<void>;
  /** Violations of the policy, errors of scripts, lines of errors on the console, failed requests. */
  problems(): Promise<string[]>;
  /** What axe-core finds: a line for each rule and element. */
  axe(rules?: Readonly<Record<string, { readonly enabled: boolean }>>): Promise<string[]>;
  /** Keeps a picture in out/screenshots. @returns its path */
  screenshot(name: string): Promise<string>;
  close(): Promise<void>;
}

/** A browser and a server of panels, or why there is none. */
export type Harness =
  | {
      readonly ok: true;
      readonly browser: Browser;
      readonly server: PanelServer;
      /** A recorded run, made when it is first asked for. */
      recorded(name: string): RecordedRun;
      open(options: PanelOptions & { readonly viewport?: Viewport }): Promise<OpenPanel>;
      close(): Promise<void>;
    }
  | { readonly ok: false; readonly reason: string };

/** Size of a window in CSS pixels. */
export interface Viewport {
  readonly width: number;
  readonly height: number;
}

const SCREENSHOTS = fileURLToPath(new URL('../../out/screenshots/', import.meta.url));
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** As wide as an editor beside a side bar. */
const VIEWPORT: Viewport = { width: 1200, height: 900 };
const WAIT_MS = 20_000;

/** Starts a browser and a server of recorded runs. */
export async function startHarness(): Promise<Harness> {
  const found = await findChromium();
  if (!found.ok) return found;
  const runs = recordedPanels();
  const server = await startPanelServer(runs);
  const browser = await launchChromium(found);
  return {
    ok: true,
    browser,
    server,
    recorded: (name) => runs.recorded(name),
    open: (options) => openPanel(browser, server, options),
    close: () => closeAll(browser, server, runs),
  };
}

async function closeAll(
  browser: Browser,
  server: PanelServer,
  runs: RecordedPanels,
): Promise<void> {
  await browser.close();
  await server.close();
  runs.close();
}

async function openPanel(
  browser: Browser,
  server: PanelServer,
  { viewport, ...options }: PanelOptions & { readonly viewport?: Viewport },
): Promise<OpenPanel> {
  const context = await browser.newContext({ viewport: viewport ?? VIEWPORT });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`script: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('requestfailed', (request) => {
    // The stream of events ends with the page.
    if (!request.url().includes('/events')) {
      problems.push(`request: ${request.url()} ${request.failure()?.errorText ?? ''}`);
    }
  });
  const { url, session, comparison } = server.open(options);
  await page.goto(url);
  const element = await page.waitForSelector('#panel[src]');
  const frame = await element.contentFrame();
  if (frame === null) throw new Error('the window has no panel');
  await frame.waitForLoadState();
  return {
    page,
    frame,
    ...{ session, comparison },
    setTheme: async (theme) => {
      await page.evaluate(`setTheme(${JSON.stringify(theme)})`);
      const { kind } = { kind: KINDS[theme] };
      await frame.locator(`body[data-vscode-theme-kind="${kind}"]`).waitFor();
    },
    problems: async () => {
      const violations = await frame.evaluate<string[]>('window.cspViolations');
      return [...problems, ...violations.map((text) => `policy: ${text}`)];
    },
    axe: (rules = {}) => runAxe(frame, rules),
    screenshot: async (name) => {
      await mkdir(SCREENSHOTS, { recursive: true });
      const path = join(SCREENSHOTS, `${name}.png`);
      await page.screenshot({ path });
      return path;
    },
    close: () => context.close(),
  };
}

const KINDS: Readonly<Record<ThemeName, string>> = {
  dark: 'vscode-dark',
  light: 'vscode-light',
  hcDark: 'vscode-high-contrast',
  hcLight: 'vscode-high-contrast-light',
};

async function runAxe(
  frame: Frame,
  rules: Readonly<Record<string, { readonly enabled: boolean }>>,
): Promise<string[]> {
  await frame.evaluate(await readFile(AXE, 'utf8'));
  const options = JSON.stringify({ resultTypes: ['violations'], rules });
  return frame.evaluate<string[]>(
    `axe.run(document, ${options}).then(({ violations }) => violations.flatMap((rule) =>
      rule.nodes.map((node) => rule.id + ': ' + node.target.join(' ') + ': ' + node.failureSummary)))`,
  );
}
