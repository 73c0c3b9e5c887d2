import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';

/** Hex digits of a key: enough that two folders of one machine never share one. */
const DIGITS = 32;

/**
 * Tells run folders apart: derived from the folder's real path, because the id in a manifest is copied
 * with the folder. Dashboards name runs by it, so they never hold a path.
 * @param folder  path of a run folder, by whatever links it leads there
 */
export function runKey(folder: string): string {
  return createHash('sha256').update(realPath(folder)).digest('hex').slice(0, DIGITS);
}

/** A folder that is gone keeps the path it had. */
function realPath(folder: string): string {
  try {
    return realpathSync.native(folder);
  } catch {
    return resolve(folder);
  }
}
