import assert from 'node:assert/strict';
import { after, before, type TestContext } from 'node:test';
import type { ThemeName } from '../vscode/workbench.ts';
import { startHarness, type Harness, type OpenPanel, type Viewport } from './harness.ts';

/** A harness whose browser runs. */
export type Ready = Extract<Harness, { ok: true }>;

/** What is opened; without a theme the dark one. */
export interface ShownPanel {
  readonly runs: readonly string[];
  readonly theme?: ThemeName;
  readonly viewport?: Viewport;
  readonly select?: string;
}

/** Opens a panel, closes it again, and finds nothing to complain of in between. */
export type ShowPanel = (
  t: TestContext,
  options: ShownPanel,
  look: (panel: OpenPanel, ready: Ready) => Promise<void>,
) => Promise<void>;

/**
 * Starts a browser for the tests of a suite and ends it after them; called inside `describe`.
 * @returns shows one panel in it; skips the test where there is no browser
 */
export function usePanels(): ShowPanel {
  let harness: Harness;
  before(async () => {
    harness = await startHarness();
  });
  after(async () => {
    if (harness.ok) await harness.close();
  });
  return async (t, options, look) => {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await harness.open({ theme: 'dark', ...options });
    try {
      await panel.frame.locator('h1').waitFor();
      await look(panel, harness);
      assert.deepEqual(await panel.problems(), []);
    } finally {
      await panel.close();
    }
  };
}
