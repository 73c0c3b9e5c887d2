import { createHash } from 'node:crypto';
import { closeQuietly } from '../../files/release.ts';
import { throwIfAborted } from '../../protocol/errors.ts';
import { CONFIG_FILE } from './modelConfig.ts';
import type { Checkpoint } from './openCheckpoint.ts';
import { expectSameFile, openInFolder, readExactly } from './modelFolder.ts';

/** Bytes hashed between two looks at the signal. */
const CHUNK_BYTES = 4 << 20;

/**
 * SHA-256 over every byte of a checkpoint's configuration and weights.
 *
 * Reads all files (about a second per gigabyte), so it is made once per run, not at each opening;
 * `Checkpoint.fingerprint` is the cheap one. Weights that are loaded from the same checkpoint are
 * these bytes: both refuse files that changed since it was opened.
 *
 * @param checkpoint  an opened checkpoint
 * @param signal      checked between pieces of 4 MB
 * @returns hex; the same wherever the folder lies
 * @throws EngineError `checkpoint` when a file cannot be read or has changed; `cancelled`
 */
export async function contentHash(
  { folder, configBytes, files }: Pick<Checkpoint, 'folder' | 'configBytes' | 'files'>,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  hash.update(`${CONFIG_FILE}\n${configBytes.length}\n`).update(configBytes);
  for (const { file, bytes, identity } of files) {
    const { handle } = await openInFolder(folder, file, { known: identity });
    try {
      hash.update(`${file}\n${bytes}\n`);
      const buffer = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
      for (let position = 0; position < bytes; position += CHUNK_BYTES) {
        throwIfAborted(signal);
        const piece = buffer.subarray(0, Math.min(CHUNK_BYTES, bytes - position));
        await readExactly(handle, piece, position, file);
        hash.update(piece);
      }
    } finally {
      await closeQuietly(handle);
    }
    await expectSameFile(folder, file, identity);
  }
  return hash.digest('hex');
}
