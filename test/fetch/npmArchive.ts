import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';

/** One version of a package, with the SHA-512 of its archive in base64: programs are run from it. */
export interface NpmArchive {
  readonly name: string;
  readonly version: string;
  readonly sha512: string;
}

/** The largest archive is 65 MiB; a slow line of 1 MiB/s needs about a minute. */
const DOWNLOAD_MS = 300_000;
/** A registry that hiccups gets two more chances; one that is not there must not take minutes. */
const NPM_OPTIONS = [
  ...['--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund'],
  ...['--fetch-retries=2', '--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=4000'],
];

/**
 * Fetches a package through npm, from its own cache if it is there.
 * @param work  a folder for the download; the archive is deleted again
 * @returns the tar archive, unpacked from gzip
 * @throws Error  whose message is one line, when there is no registry or the archive is another
 */
export async function npmArchive(wanted: NpmArchive, work: string): Promise<Buffer> {
  const spec = `${wanted.name}@${wanted.version}`;
  const folder = join(work, 'archive');
  await mkdir(folder, { recursive: true });
  await npm(['pack', spec], folder);
  const [file] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  if (file === undefined) throw new Error(`npm gave no archive of ${spec}`);
  const packed = await readFile(join(folder, file));
  await rm(folder, { recursive: true });
  const found = createHash('sha512').update(packed).digest('base64');
  if (found !== wanted.sha512) {
    throw new Error(`${spec} has SHA-512 ${found}, expected ${wanted.sha512}`);
  }
  return gunzipSync(packed);
}

/** Installs what the lock file of a folder names, and runs no script of it. */
export async function npmInstall(folder: string): Promise<void> {
  await npm(['install', '--omit=dev'], folder);
}

/** Runs npm. @throws Error  with the line of npm's that says why */
async function npm(args: readonly string[], cwd: string): Promise<void> {
  try {
    await promisify(execFile)('npm', [...args, ...NPM_OPTIONS], {
      cwd,
      env: ownEnvironment(),
      timeout: DOWNLOAD_MS,
      maxBuffer: 1 << 26,
    });
  } catch (error) {
    throw new Error(`npm ${args.join(' ')}: ${reason(error)}`, { cause: error });
  }
}

/** What `npm test` sets for its children would make another npm look at this repository. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^npm_(package|lifecycle|config_(local_prefix|prefix|ignore_scripts|noproxy)$)/;
  const entries = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(entries), NODE_ENV: '' };
}

/** The line of npm's that tells most. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split('\n').map((line) => line.replace(/^npm error /, ''));
  const telling = lines.find((line) => /failed, reason:|^4\d\d /.test(line));
  const code = lines.find((line) => line.startsWith('code '));
  return (telling ?? code ?? lines[0] ?? '').slice(0, 300);
}
