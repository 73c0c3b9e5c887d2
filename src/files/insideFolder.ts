import { lstatSync, mkdirSync } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { diskError } from '../protocol/diskError.ts';
import { EngineError } from '../protocol/errors.ts';
import { isAbsent } from './plainFile.ts';

/**
 * The path of something in a folder of ours. No part of the way there may be a link, so that it
 * cannot lead out of the folder.
 * @param folder  an existing folder; itself it may be reached through links
 * @param name  relative path of a file or folder that need not exist
 * @throws EngineError `run` for an absolute path, for `..`, and for a link on the way, `disk`
 */
export function insideFolder(folder: string, name: string): string {
  const parts = partsOf(folder, name);
  let path = folder;
  for (const part of parts) {
    path = join(path, part);
    if (!isThere(folder, path)) break;
  }
  return join(folder, ...parts);
}

/**
 * Makes a folder inside a folder of ours, with those on the way, and checks it as
 * {@link insideFolder} does.
 * @returns its path
 * @throws EngineError `run`, `disk`
 */
export function makeFolderInside(folder: string, name: string): string {
  let path = folder;
  for (const part of partsOf(folder, name)) {
    path = join(path, part);
    if (isThere(folder, path)) continue;
    try {
      mkdirSync(path);
    } catch (error) {
      throw diskError(path, error);
    }
  }
  return path;
}

/** Makes a folder and its parents. @throws EngineError `disk` */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw diskError(path, error);
  }
}

function partsOf(folder: string, name: string): string[] {
  const parts = normalize(name).split(sep);
  if (isAbsolute(name) || parts.includes('..') || name.includes('\0') || name === '') {
    throw new EngineError('run', {
      what: folder,
      expected: 'only paths inside this folder',
      found: JSON.stringify(name),
      action: 'Restore the folder or start a new run.',
      sentence: `A file in ${folder} names the path ${JSON.stringify(name)}, which is no path inside it.`,
    });
  }
  return parts;
}

/** @throws EngineError `run` when it is a link */
function isThere(folder: string, path: string): boolean {
  try {
    if (!lstatSync(path).isSymbolicLink()) return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw diskError(path, error);
  }
  throw new EngineError('run', {
    what: folder,
    expected: 'files and folders of its own',
    found: `a link under the name ${path.slice(folder.length + 1)}`,
    action: 'Remove the link, or put the file or folder itself there.',
    sentence: `${path} is a link; nothing of a run folder may be one.`,
  });
}
