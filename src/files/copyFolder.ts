import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { diskError } from '../protocol/diskError.ts';
import { closeQuietly } from './release.ts';
import { insideFolder, makeFolderInside } from './insideFolder.ts';
import { missingFile, openPlainHandle, type OpenRules } from './plainFile.ts';
import { onDisk, removeFile, replaceFileBy } from './writeFile.ts';

/** Bytes in memory at a time, however large a file is. */
const PIECE_BYTES = 1 << 20;

/**
 * Copies a folder of plain files, and the folders in it. Nothing is written through a link.
 * @param source  the folder to copy
 * @param parent  an existing folder
 * @param name  folder inside it; made when absent, its files are replaced
 * @param rules  what may be in the source
 * @throws EngineError `disk`; `run` for a link on the way to the copy
 */
export async function copyFolder(
  source: string,
  parent: string,
  name: string,
  rules: OpenRules,
): Promise<void> {
  const target = makeFolderInside(parent, name);
  for (const entry of onDisk(source, () => readdirSync(source, { withFileTypes: true }))) {
    const from = join(source, entry.name);
    if (entry.isDirectory()) await copyFolder(from, target, entry.name, rules);
    else await copyFile(from, insideFolder(target, entry.name), rules);
  }
}

/**
 * Copies a plain file, which is read once.
 * @param to  a path that was checked, see {@link insideFolder}; a file there is replaced
 * @param accept  told the SHA-256, hex, of what was read, before it takes the place of the old file;
 *   what it throws leaves that one as it was
 * @throws EngineError `disk`
 */
export async function copyFile(
  from: string,
  to: string,
  rules: OpenRules,
  accept?: (sha256: string) => void,
): Promise<void> {
  const opened = await openPlainHandle(from, rules);
  if (opened === undefined) throw missingFile(from);
  const { handle, bytes } = opened;
  const hash = accept === undefined ? undefined : createHash('sha256');
  try {
    await replaceFileBy(to, async (copy) => {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes));
      for (let done = 0; done < bytes;) {
        const { bytesRead } = await handle
          .read(piece, 0, piece.length, done)
          .catch((error: unknown) => Promise.reject(diskError(from, error) as Error));
        if (bytesRead === 0) throw missingFile(from);
        const read = piece.subarray(0, bytesRead);
        hash?.update(read);
        await copy.writeFile(read);
        done += bytesRead;
      }
      if (hash !== undefined) accept?.(hash.digest('hex'));
    });
  } finally {
    await closeQuietly(handle);
  }
}

/**
 * Gives a plain file of ours a second name, or makes a copy where the disk cannot do that. The file must
 * never be written in place afterwards: under both names it is the same.
 * @param to  a path that was checked, see {@link insideFolder}; a file there is replaced
 * @throws EngineError `disk`
 */
export async function shareFile(from: string, to: string): Promise<void> {
  removeFile(to);
  try {
    // A link is not followed: it would become a second name of the link, which no reader of ours opens.
    await link(from, to);
  } catch {
    await copyFile(from, to, { links: 'refused', mostBytes: Infinity });
  }
}
