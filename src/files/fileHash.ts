import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '../protocol/errors.ts';
import { missingFile, openPlainHandle } from './plainFile.ts';
import { withReleaseAsync } from './release.ts';

/** SHA-256, hex, of a plain file of ours. @throws EngineError `disk` for anything else, `cancelled` */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const opened = await openPlainHandle(path, { links: 'refused', mostBytes: Infinity });
  if (opened === undefined) throw missingFile(path);
  const { handle } = opened;
  return withReleaseAsync(
    () => hashHandle(handle, signal),
    () => handle.close(),
  );
}

/** SHA-256, hex, of an open file from its start; it stays open. @throws EngineError `cancelled` */
export async function hashHandle(handle: FileHandle, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const stream = handle.createReadStream({ start: 0, autoClose: false });
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    throwIfAborted(signal);
    hash.update(piece);
  }
  return hash.digest('hex');
}
