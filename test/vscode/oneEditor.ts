import { after, before, it as declare, type TestContext } from 'node:test';
import { installExtension, type Installed } from './installed.ts';
import type { Workbench } from './workbench.ts';

/** One step on a machine that does other things too. */
export const LONG_MS = 300_000;

/** In CI a missing piece is a failure: nowhere else would it be noticed. */
const REQUIRED = process.env['SUBNET_REQUIRE_EDITOR'] === '1';

/** Declares a step: a test that goes on where the one before it ended. */
type Step = (name: string, work: (workbench: Workbench, folder: string) => Promise<void>) => void;

/**
 * An editor with the packaged extension, for the steps of one suite. Where its pieces cannot be had
 * the steps are skipped and say so.
 */
export function oneEditor(
  prepare: (folder: string) => void,
  theme: 'dark' | 'light',
  options: { readonly trusted?: boolean } = {},
): { readonly step: Step } {
  let installed: Installed = { ok: false, reason: 'not started' };
  let workbench: Workbench | undefined;
  let broken = '';
  before(async () => {
    installed = await installExtension(prepare, { theme, ...options });
    if (installed.ok) workbench = await installed.window({ width: 1600, height: 1000 });
    else if (REQUIRED) throw new Error(installed.reason);
  });
  after(async () => {
    if (installed.ok) await installed.close();
  });
  return {
    step: (name, work) => {
      declare(name, { timeout: 2 * LONG_MS }, async (t: TestContext) => {
        if (!installed.ok) return t.skip(installed.reason);
        if (broken !== '') return t.skip(`"${broken}" failed before`);
        try {
          await work(workbench!, installed.folder);
        } catch (error) {
          broken = name;
          await workbench?.screenshot(`failed ${name}`).catch(() => undefined);
          for (const [file, text] of await installed.server.logFiles()) {
            if (/subnet/i.test(file)) t.diagnostic(`${file}\n${text.slice(-4000)}`);
          }
          throw error;
        }
      });
    },
  };
}
