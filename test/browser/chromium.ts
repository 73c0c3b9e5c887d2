import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium as playwright, type Browser } from 'playwright-core';
import { cachedFolder } from '../fetch/cachedFolder.ts';
import { CHROMIUM, chromiumParts } from '../fetch/chromiumArchive.ts';
import { unpackTar } from '../fetch/tarFiles.ts';

/** How to start a Chromium, or why there is none. */
export type Chromium =
  | {
      readonly ok: true;
      readonly executablePath: string;
      readonly env: Readonly<Record<string, string>>;
      readonly args: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ...['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].map((name) =>
    join(process.env[name] ?? '', 'Google/Chrome/Application/chrome.exe'),
  ),
];
/** Root may not use Chromium's sandbox, and a container's /dev/shm is often too small. */
const ARGS = [
  ...['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars'],
  ...[
    '--force-color-profile=srgb',
    '--font-render-hinting=none',
    '--disable-background-networking',
  ],
];

/**
 * A Chromium of this machine (`SUBNET_CHROMIUM` names one), else one fetched through npm into the
 * cache folder, with its libraries and fonts.
 */
export async function findChromium(): Promise<Chromium> {
  const named = process.env['SUBNET_CHROMIUM'];
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return { ok: true, executablePath: named, env: {}, args: ARGS };
    return { ok: false, reason: `SUBNET_CHROMIUM names ${named}, which does not exist` };
  }
  const installed = await installedChromium();
  if (installed !== null) return { ok: true, executablePath: installed, env: {}, args: ARGS };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const system = `${process.platform} ${process.arch}`;
    return {
      ok: false,
      reason: `no Chromium is installed, and npm has one for linux x64, not ${system}`,
    };
  }
  try {
    const folder = await cachedFolder(`chromium-${CHROMIUM.version}`, fill);
    return {
      ok: true,
      executablePath: join(folder, 'chromium'),
      env: environment(folder),
      args: ARGS,
    };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `Chromium could not be fetched: ${text}` };
  }
}

/** Starts a Chromium without a window. */
export async function launchChromium(found: Extract<Chromium, { ok: true }>): Promise<Browser> {
  const { executablePath, args } = found;
  const env = { ...process.env, ...found.env } as Record<string, string>;
  return playwright.launch({ executablePath, args: [...args], env, headless: true });
}

/** A Chromium on the path or in a usual place that starts; snap's wrapper, say, may not. */
async function installedChromium(): Promise<string | null> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = [
    ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))),
    ...PLACES,
  ];
  for (const path of candidates.filter((candidate) => existsSync(candidate))) {
    if (process.platform === 'win32') return path;
    try {
      await promisify(execFile)(path, ['--version'], { timeout: 10_000 });
      return path;
    } catch {
      // The next one may start.
    }
  }
  return null;
}

async function fill(folder: string, work: string): Promise<void> {
  const parts = ['chromium', 'al2023.tar', 'fonts.tar', 'swiftshader.tar'] as const;
  const [program, libraries, fonts, graphics] = await chromiumParts(parts, work);
  await writeFile(join(folder, 'chromium'), program!);
  await chmod(join(folder, 'chromium'), 0o755);
  await unpackTar(libraries!, folder, (path) => path);
  // Chromium looks for its graphics libraries beside itself.
  await unpackTar(graphics!, folder, (path) => path);
  await unpackTar(fonts!, join(folder, 'fontconfig'), (path) => path);
  await writeFile(join(folder, 'fontconfig', 'fonts.conf'), fontConfig());
}

/** The fonts of the package, found relative to the file, so that the folder can be moved. */
function fontConfig(): string {
  const alias = (family: string, ...preferred: string[]): string => {
    const names = preferred.map((name) => `<family>${name}</family>`).join('');
    return `<alias><family>${family}</family><prefer>${names}</prefer></alias>`;
  };
  return [
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>',
    '<dir prefix="relative">fonts</dir><dir>/usr/share/fonts</dir>',
    '<cachedir prefix="xdg">fontconfig</cachedir>',
    ...['sans-serif', 'system-ui'].map((family) => alias(family, 'Open Sans')),
    // The package has none; without one of the system's, code is shown in Open Sans.
    alias('monospace', 'DejaVu Sans Mono', 'Liberation Mono', 'Noto Sans Mono'),
    '</fontconfig>',
  ].join('\n');
}

function environment(folder: string): Record<string, string> {
  const libraries = [join(folder, 'lib'), process.env['LD_LIBRARY_PATH'] ?? ''];
  return {
    LD_LIBRARY_PATH: libraries.filter((path) => path !== '').join(':'),
    FONTCONFIG_PATH: join(folder, 'fontconfig'),
    FONTCONFIG_FILE: join(folder, 'fontconfig', 'fonts.conf'),
  };
}
