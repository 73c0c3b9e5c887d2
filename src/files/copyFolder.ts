import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { closeQuietly } from './release.ts';
import { insideFolder, makeFolderInside } from './insideFolder.ts';
import { missingFile, openPlainHandle, type OpenRules } from './plainFile.ts';
import { onDisk, replaceFileBy } from './writeFile.ts';

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
 * Copies a plain file.
 * @param to  a path that was checked, see {@link insideFolder}; a file there is replaced
 * @throws EngineError `disk`
 */
export async function copyFile(from: string, to: string, rules: OpenRules): Promise<void> {
  const opened = await openPlainHandle(from, rules);
  if (opened === undefined) throw missingFile(from);
  const { handle, bytes } = opened;
  try {
    await replaceFileBy(to, async (copy) => {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes));
      for (let done = 0; done < bytes;) {
        const { bytesRead } = await handle.read(piece, 0, piece.length, done);
        if (bytesRead === 0) throw missingFile(from);
        await copy.writeFile(piece.subarray(0, bytesRead));
        done += bytesRead;
      }
    });
  } finally {
    await closeQuietly(handle);
  }
}
