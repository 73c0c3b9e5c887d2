import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { insideFolder, makeFolderInside } from './insideFolder.ts';
import { missingFile, readPlain } from './plainFile.ts';
import { onDisk, replaceFile } from './writeFile.ts';

/**
 * Copies a folder of plain files, and the folders in it. Nothing is written through a link.
 * @param source  a folder that came with this program
 * @param parent  an existing folder
 * @param name  folder inside it; made when absent, its files are replaced
 * @param mostBytes  largest file that is copied
 * @throws EngineError `disk`; `run` for a link on the way to the copy
 */
export function copyFolder(source: string, parent: string, name: string, mostBytes: number): void {
  const target = makeFolderInside(parent, name);
  for (const entry of onDisk(source, () => readdirSync(source, { withFileTypes: true }))) {
    const from = join(source, entry.name);
    if (entry.isDirectory()) {
      copyFolder(from, target, entry.name, mostBytes);
      continue;
    }
    const bytes = readPlain(from, { links: 'followed', mostBytes });
    if (bytes === undefined) throw missingFile(from);
    replaceFile(insideFolder(target, entry.name), bytes);
  }
}
