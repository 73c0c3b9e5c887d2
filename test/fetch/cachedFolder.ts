import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where fetched programs are kept; git ignores it. */
export const CACHE = fileURLToPath(new URL('../../.vscode-test/', import.meta.url));

const POLL_MS = 250;
/** Longer than any fetch may take. */
const LONGEST_WAIT_MS = 15 * 60_000;

/**
 * A folder of the cache that is whole or not there: made once, by one process at a time.
 * @param name  says its content and version
 * @param fill  writes the content into an empty folder; what else it needs goes into `work`
 * @throws Error  what `fill` throws
 */
export async function cachedFolder(
  name: string,
  fill: (folder: string, work: string) => Promise<void>,
): Promise<string> {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const release = await lock(`${folder}.lock`);
  try {
    if (!existsSync(folder)) await fillAndMove(folder, fill);
  } finally {
    await release();
  }
  return folder;
}

/** Fills a folder beside the final one and moves it into place when it is whole. */
async function fillAndMove(
  folder: string,
  fill: (folder: string, work: string) => Promise<void>,
): Promise<void> {
  const work = `${folder}.partial`;
  // A process that was killed may have left some.
  await rm(work, { recursive: true, force: true });
  try {
    const made = join(work, 'made');
    await mkdir(made, { recursive: true });
    await fill(made, work);
    await rename(made, folder);
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Waits until no living process holds the file, then holds it. @returns how to let go */
async function lock(path: string): Promise<() => Promise<void>> {
  for (let waited = 0; ; waited += POLL_MS) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (waited > LONGEST_WAIT_MS) throw new Error(`another process holds ${path}`);
    if (await isAbandoned(path)) await rm(path, { force: true });
    else await sleep(POLL_MS);
  }
}

/** True when the process that holds a lock has ended. An empty file is one being written. */
async function isAbandoned(path: string): Promise<boolean> {
  const pid = Number(await readFile(path, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
