import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { ROOT } from '../../scripts/package/contents.ts';
import { OWN_TARGET } from '../../scripts/package/targets.ts';
import { findChromium, launchChromium } from '../browser/chromium.ts';
import { startCodeServer, type CodeServer, type CodeServerOptions } from './codeServer.ts';
import { codeServerPieces } from './codeServerPieces.ts';
import { THEMES, Workbench, type ThemeName } from './workbench.ts';

/** A VS Code with the packaged extension on a folder of its own, or why there is none. */
export type Installed =
  | {
      readonly ok: true;
      /** The folder that is open. */
      readonly folder: string;
      readonly browser: Browser;
      readonly server: CodeServer;
      /** Opens a window. */
      window(viewport?: { readonly width: number; readonly height: number }): Promise<Workbench>;
      close(): Promise<void>;
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Packages the extension as it is built, installs it into a fresh VS Code and starts that.
 * @param prepare  puts files into the folder before it is opened
 */
export async function installExtension(
  prepare: (folder: string) => Promise<void> | void,
  options: Partial<CodeServerOptions> & { readonly theme?: ThemeName } = {},
): Promise<Installed> {
  const pieces = await codeServerPieces();
  if (!pieces.ok) return pieces;
  const chromium = await findChromium();
  if (!chromium.ok) return chromium;
  const vsix = await packagedVsix();
  const home = await mkdtemp(join(tmpdir(), 'subnet-editor-'));
  const folder = join(home, 'my project');
  await mkdir(folder);
  await prepare(folder);
  const settings = { 'workbench.colorTheme': THEME_IDS[options.theme ?? 'dark'] };
  const server = await startCodeServer(pieces, {
    ...{ folder, vsix: [vsix], home: join(home, 'code') },
    ...options,
    settings: { ...settings, ...options.settings },
  });
  const browser = await launchChromium(chromium);
  return {
    ...{ ok: true, folder, browser, server },
    window: (viewport) => Workbench.open(browser, server, viewport),
    close: async () => {
      await browser.close();
      await server.stop();
      await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** The names of {@link THEMES} in a settings file. */
const THEME_IDS: Readonly<Record<ThemeName, string>> = {
  ...THEMES,
  hcDark: 'Default High Contrast',
  hcLight: 'Default High Contrast Light',
};

/** Packs the built extension for this machine. @returns the path of the VSIX */
export async function packagedVsix(): Promise<string> {
  const script = ['--import', 'tsx', 'scripts/package/main.ts', '--target', OWN_TARGET];
  const { stdout } = await promisify(execFile)(process.execPath, script, { cwd: ROOT });
  return join(ROOT, stdout.split('  ')[0]!);
}
