import { statSync } from 'node:fs';

/** Tells one state of a file from another; null when there is none, or it cannot be looked at. */
export function fileStamp(path: string): string | null {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : `${found.mtimeMs} ${found.size} ${found.ino}`;
  } catch {
    return null;
  }
}
