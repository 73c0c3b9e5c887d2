import { open, mkdir, rename, rm } from 'node:fs/promises';
import { EngineError } from '../../protocol/errors.ts';

/**
 * Writes a small file whole: beside its place first, then flushed and renamed.
 * @throws EngineError `disk` when it cannot be written; an old file is then still there
 */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const handle = await open(partial, 'w');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw diskError(path, error);
  }
}

/** Makes a folder and its parents. @throws EngineError `disk` */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw diskError(path, error);
  });
}

/** The user's message for a failed write. */
export function diskError(path: string, cause: unknown): EngineError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new EngineError(
    'disk',
    {
      what: `Writing ${path}`,
      expected: 'room and permission for the file',
      found: full ? 'a full disk' : (code ?? String(cause)),
      action: full ? 'Free some space and try again.' : 'Check the folder and try again.',
    },
    { cause },
  );
}
