import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { insideFolder, makeFolderInside } from '../../files/insideFolder.ts';
import { replaceFile } from '../../files/writeFile.ts';

/** Folder beside a config that holds what is made with it. */
const OUTPUT = '.subnet';

/**
 * Makes a folder for runs or comparisons beside a config. When `.subnet` is made for it, it gets a
 * .gitignore of its own: runs hold weights, which do not belong into a repository.
 * @param configDir  an existing folder
 * @param name  path below it that begins with `.subnet`
 * @returns its path
 * @throws EngineError `run` for a link on the way, `disk`
 */
export function makeOutputFolder(configDir: string, name: string): string {
  const isNew = !existsSync(join(configDir, OUTPUT));
  const folder = makeFolderInside(configDir, name);
  if (isNew) replaceFile(insideFolder(configDir, join(OUTPUT, '.gitignore')), '*\n');
  return folder;
}
