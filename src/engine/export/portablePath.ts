import { homedir } from 'node:os';
import { dirname, isAbsolute, parse, relative, resolve, sep } from 'node:path';

/**
 * How a file of an export names another file: relative to the export where both lie in a folder that
 * can be moved or cloned as a whole, else absolute. A home folder is no such folder.
 * @param folder  absolute path of the folder that holds the file of the export
 * @param path  absolute path; one that is relative already is kept
 * @returns a path with forward slashes, which every system reads
 */
export function portablePath(folder: string, path: string): string {
  if (!isAbsolute(path)) return path;
  const way = relative(folder, path);
  const written = isAbsolute(way) || !isMovable(sharedFolder(folder, way)) ? path : way;
  return written === '' ? '.' : written.split(sep).join('/');
}

/** The path that {@link portablePath} has written, absolute again; older files hold absolute ones. */
export function resolvePortable(folder: string, path: string): string {
  return resolve(folder, path);
}

/** The deepest folder that holds both ends of a relative way. */
function sharedFolder(folder: string, way: string): string {
  let shared = folder;
  for (const part of way.split(sep)) {
    if (part !== '..') break;
    shared = dirname(shared);
  }
  return shared;
}

/** False for the root of a disk, a home folder and what is above it. */
function isMovable(folder: string): boolean {
  const toHome = relative(folder, homedir());
  const holdsHome = toHome === '' || (!toHome.startsWith('..') && !isAbsolute(toHome));
  return folder !== parse(folder).root && !holdsHome;
}
