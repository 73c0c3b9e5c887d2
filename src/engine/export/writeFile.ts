import { open, mkdir, rename, rm } from 'node:fs/promises';
import { diskError } from '../../protocol/diskError.ts';

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
