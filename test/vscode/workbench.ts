import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type Frame, type Locator, type Page } from 'playwright-core';
import type { CodeServer } from './codeServer.ts';
import { EDITOR_TEXT, exactly, isShown, showsInWebview, succeedsInTime } from './workbenchParts.ts';

/** The four kinds of colour theme, by the names VS Code shows. */
export const THEMES = {
  dark: 'Dark Modern',
  light: 'Light Modern',
  hcDark: 'Dark High Contrast',
  hcLight: 'Light High Contrast',
} as const;
/** A kind of colour theme. */
export type ThemeName = keyof typeof THEMES;

/** The class that VS Code's own element has under each. */
const THEME_CLASSES = { dark: 'vs-dark', light: 'vs', hcDark: 'hc-black', hcLight: 'hc-light' };
const SCREENSHOTS = fileURLToPath(new URL('../../out/screenshots/', import.meta.url));
/** The first page of a cold server on a busy machine. */
const OPEN_MS = 90_000;
const WAIT_MS = 30_000;
/** One try of something that is tried again. */
const TRY_MS = 2_000;

/** The palette, a quick pick or an input box, when it is open. */
const QUICK = '.quick-input-widget:not([style*="display: none"])';
/**
 * A window of VS Code in a browser, by what a user sees and does.
 *
 * @example
 * const workbench = await Workbench.open(browser, server);
 * await workbench.runCommand('Subnet Studio: Open Dashboard');
 * await workbench.pick('tiny-llama');
 * const panel = await workbench.webview('#app');
 */
export class Workbench {
  /** Errors that scripts of the window and of its frames threw. */
  readonly pageErrors: string[] = [];
  /** What was refused by a content security policy, in the browser's words. */
  readonly policyViolations: string[] = [];

  private constructor(
    readonly page: Page,
    readonly server: CodeServer,
  ) {
    page.on('pageerror', (error) => this.pageErrors.push(error.message));
    page.on('console', (message) => {
      if (/Content.Security.Policy/.test(message.text())) {
        this.policyViolations.push(message.text());
      }
    });
    page.setDefaultTimeout(WAIT_MS);
  }

  /** Opens a window and waits until it can be used. */
  static async open(
    browser: Browser,
    server: CodeServer,
    viewport = { width: 1440, height: 900 },
  ): Promise<Workbench> {
    const context = await browser.newContext({ viewport, permissions: ['clipboard-read'] });
    const workbench = new Workbench(await context.newPage(), server);
    await workbench.page.goto(server.url, { timeout: OPEN_MS });
    await workbench.ready();
    return workbench;
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  /** Loads the window again, as "Developer: Reload Window" does. */
  async reload(): Promise<void> {
    await this.page.reload({ timeout: OPEN_MS });
    await this.ready();
  }

  /** Runs a command of the palette by its full title, e.g. `Subnet Studio: Run`. */
  async runCommand(title: string, timeoutMs = WAIT_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    // An open palette does not learn of commands whose extension is still being loaded, and a
    // webview that just came takes the focus, which closes it.
    while (!(await this.tryCommand(title))) {
      if (performance.now() > deadline) throw new Error(`the palette has no "${title}"`);
    }
  }

  /** Opens the palette on a text and leaves it open. */
  async openPalette(text = '', timeoutMs = WAIT_MS): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.page.keyboard.press('F1');
    await this.quickInput().fill(`>${text}`, { timeout: timeoutMs });
  }

  /** Titles of the commands that the palette offers for a text. */
  async paletteTitles(text: string): Promise<string[]> {
    await this.openPalette(text);
    await this.page.waitForTimeout(500);
    const titles = await this.quickRows().allInnerTexts();
    await this.page.keyboard.press('Escape');
    return titles.map((title) => title.split('\n')[0]!.trim());
  }

  /** Chooses the row of an open quick pick that holds a text. */
  async pick(text: string | RegExp): Promise<void> {
    await this.quickRows().filter({ hasText: text }).first().click();
  }

  /** Ticks exactly these rows of an open quick pick of several, and accepts. */
  async pickMany(texts: readonly string[]): Promise<void> {
    await this.quickRows().first().waitFor();
    for (const row of await this.quickRows().all()) {
      const text = await row.innerText();
      const box = row.getByRole('checkbox');
      const isTicked = (await box.getAttribute('aria-checked')) === 'true';
      if (texts.some((wanted) => text.includes(wanted)) !== isTicked) await row.click();
    }
    await this.page.keyboard.press('Enter');
  }

  /** Texts of the rows of the open quick pick, once it has some. */
  async quickPickRows(): Promise<string[]> {
    await this.quickRows().first().waitFor();
    return (await this.quickRows().allInnerTexts()).map((text) => text.replaceAll('\n', ' · '));
  }

  /** Answers an open input box or quick pick by typing. */
  async answer(text: string): Promise<void> {
    await this.quickInput().waitFor();
    await this.quickInput().fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** Opens a container of the activity bar; does nothing when it is open. */
  async openView(title: string, timeoutMs = WAIT_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const tab = this.page.locator(`.activitybar .action-label[aria-label^="${title}"]`).first();
    const heading = this.page.locator('.sidebar .composite.title h2').filter({ hasText: title });
    await tab.waitFor({ timeout: timeoutMs });
    // A window that is being restored opens it by itself, and a click would then close it.
    while (!(await isShown(heading, TRY_MS))) {
      if (performance.now() > deadline) throw new Error(`the view ${title} does not open`);
      // Forced: badges of running runs lie over it.
      await tab.click({ position: { x: 6, y: 6 }, force: true });
    }
  }

  /** The badge of a container of the activity bar; empty without one. */
  async badge(title: string): Promise<string> {
    const badge = this.page
      .locator('.activitybar .action-item')
      .filter({ has: this.page.locator(`[aria-label^="${title}"]`) })
      .locator('.badge-content');
    return (await badge.count()) === 0 ? '' : badge.first().innerText();
  }

  /** Texts of the rows of all trees of the side bar, as a screen reader would say them. */
  async treeRows(): Promise<string[]> {
    const rows = await this.page.locator('.sidebar .monaco-list-row').all();
    return Promise.all(rows.map(async (row) => (await row.getAttribute('aria-label')) ?? ''));
  }

  /** Waits until a row of a tree says something to a screen reader. @returns all that it says */
  async treeRowSaying(pattern: RegExp, timeoutMs = WAIT_MS): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const rows = await this.treeRows().catch(() => []);
      const found = rows.find((row) => pattern.test(row));
      if (found !== undefined) return found;
      if (performance.now() > deadline) {
        throw new Error(`no row of a tree says ${String(pattern)}:\n${rows.join('\n')}`);
      }
      await this.page.waitForTimeout(200);
    }
  }

  /** The row of a tree of the side bar that holds a text. */
  treeRow(text: string | RegExp): Locator {
    return this.page.locator('.sidebar .monaco-list-row').filter({ hasText: text }).first();
  }

  /**
   * The document of a visible webview: VS Code puts it into a frame in a frame.
   * @param selector  an element that only this webview has
   */
  async webview(selector: string, timeoutMs = WAIT_MS): Promise<Frame> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      for (const frame of this.page.frames()) {
        if (await showsInWebview(frame, selector)) return frame;
      }
      if (performance.now() > deadline) {
        const frames = this.page.frames().map((frame) => frame.url().slice(0, 120));
        throw new Error(`no webview shows ${selector}; frames:\n${frames.join('\n')}`);
      }
      await this.page.waitForTimeout(100);
    }
  }

  /** Texts of the notifications on screen. */
  async notifications(): Promise<string[]> {
    return this.toasts().locator('.notification-list-item-message').allInnerTexts();
  }

  /** Waits for a notification and returns its text. */
  async notification(text: string | RegExp, timeoutMs = WAIT_MS): Promise<string> {
    const toast = this.toasts().filter({ hasText: text }).first();
    await toast.waitFor({ timeout: timeoutMs });
    return toast.locator('.notification-list-item-message').innerText();
  }

  /** Presses a button of a notification. */
  async notificationAction(text: string | RegExp, action: string): Promise<void> {
    const toast = this.toasts().filter({ hasText: text }).first();
    await toast.getByRole('button', { name: action, exact: true }).click();
  }

  /** Opens a file of the workspace by its name. */
  async openFile(name: string, timeoutMs = WAIT_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    // Rows found later are put between those that are there.
    while (!(await this.tryFile(name))) {
      if (performance.now() > deadline) throw new Error(`no file ${name} can be opened`);
    }
    const active = this.page.locator('.tabs-container .tab.active');
    await active.filter({ hasText: name }).first().waitFor();
    await this.activeEditor().locator('.view-line').first().waitFor();
  }

  /** The tab of an open editor. */
  tab(name: string | RegExp): Locator {
    return this.page.locator('.tabs-container .tab').filter({ hasText: name }).first();
  }

  /** Names of the open editors, group by group. */
  async tabs(): Promise<string[][]> {
    const groups = await this.page.locator('.editor-group-container').all();
    return Promise.all(
      groups.map(async (group) => {
        const tabs = await group.locator('.tabs-container .tab').all();
        return Promise.all(
          tabs.map(async (tab) => (await tab.getAttribute('data-resource-name')) ?? ''),
        );
      }),
    );
  }

  /** Lines of the active text editor that are on screen. */
  async editorText(): Promise<string> {
    return this.page.evaluate<string>(EDITOR_TEXT);
  }

  async clickCodeLens(text: string): Promise<void> {
    const lens = this.page.locator('.editor-instance .codelens-decoration a');
    await lens.filter({ hasText: text }).first().click();
  }

  /** Puts the cursor of the active editor at a line and column, both from 1. */
  async goTo(line: number, column = 1): Promise<void> {
    await this.page.keyboard.press('Control+G');
    await this.quickInput().waitFor();
    await this.quickInput().fill(`:${line}:${column}`);
    await this.page.keyboard.press('Enter');
    await this.quickInput().waitFor({ state: 'hidden' });
  }

  /** Replaces the whole text of the active editor, as one edit that can be undone. */
  async replaceText(text: string): Promise<void> {
    await this.page.keyboard.press('Control+A');
    // Inserted and not typed, or the editor would close brackets of its own.
    await this.page.keyboard.insertText(text);
  }

  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text);
  }

  async save(): Promise<void> {
    await this.page.keyboard.press('Control+S');
  }

  async setTheme(theme: ThemeName): Promise<void> {
    await this.runCommand('Preferences: Color Theme');
    await this.answer(THEMES[theme]);
    await this.page.locator(`.monaco-workbench.${THEME_CLASSES[theme]}`).first().waitFor();
    // The colours of webviews follow a moment later.
    await this.page.waitForTimeout(500);
  }

  /** Keeps a picture of the window in out/screenshots. @returns its path */
  async screenshot(name: string): Promise<string> {
    await mkdir(SCREENSHOTS, { recursive: true });
    const path = join(SCREENSHOTS, `${name}.png`);
    // What is under the mouse may show a hint that nobody asked for.
    await this.page.mouse.move(0, 0);
    await this.page.waitForTimeout(300);
    await this.page.screenshot({ path });
    return path;
  }

  private async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench').waitFor({ timeout: OPEN_MS });
    await this.page.locator('.activitybar .action-item').first().waitFor({ timeout: OPEN_MS });
    // The status bar is the last part to come, and commands of extensions need the remote.
    const remote = this.page.locator('.statusbar #status\\.host');
    await remote.waitFor({ timeout: OPEN_MS });
  }

  private async tryFile(name: string): Promise<boolean> {
    await this.page.keyboard.press('Escape');
    await this.page.keyboard.press('Control+P');
    // An open preview of the file is offered as well, under a longer name.
    const label = this.page.locator('.label-name').filter({ hasText: exactly(name) });
    const row = this.quickRows().filter({ has: label }).first();
    return succeedsInTime(async () => {
      await this.quickInput().fill(name, { timeout: TRY_MS });
      await row.waitFor({ timeout: TRY_MS });
      await this.chooseRow(row);
    });
  }

  private async tryCommand(title: string): Promise<boolean> {
    const name = this.page.locator('.label-name').filter({ hasText: exactly(title) });
    const row = this.quickRows().filter({ has: name }).first();
    return succeedsInTime(async () => {
      await this.openPalette(title, TRY_MS);
      await row.waitFor({ timeout: TRY_MS });
      await this.chooseRow(row);
    });
  }

  /** Accepts a row by keys: a click would miss a palette that closes at that moment. */
  private async chooseRow(row: Locator): Promise<void> {
    const index = await row.getAttribute('data-index', { timeout: TRY_MS });
    for (let step = 0; step < Number(index); step++) await this.page.keyboard.press('ArrowDown');
    const focused = this.page.locator(`.focused[data-index="${index}"]`);
    await this.quickRows().and(focused).waitFor({ timeout: TRY_MS });
    await this.page.keyboard.press('Enter');
  }

  private activeEditor(): Locator {
    return this.page.locator('.editor-group-container.active .editor-instance').first();
  }

  private quickInput(): Locator {
    return this.page.locator(`${QUICK} input.input`);
  }

  private quickRows(): Locator {
    return this.page.locator(`${QUICK} .monaco-list-row`);
  }

  private toasts(): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item');
  }
}
