import { closeSync, openSync, writeSync } from 'node:fs';
import { readUpTo } from './plainFile.ts';
import { withRelease } from './release.ts';

const MOST_BYTES = 65_536;

/**
 * Reads a small file that the system makes up as it is read, below /proc or /sys.
 * @param path  one that the program names itself, never one from a user or a file
 * @throws the system's error when it cannot be read
 */
export function readSystemText(path: string): string {
  const file = openSync(path, 'r');
  return withRelease(
    () => readUpTo(file, MOST_BYTES, 0).toString('utf8'),
    () => {
      closeSync(file);
    },
  );
}

/**
 * Writes to a small file by which the system takes commands, below /proc or /sys.
 * @param path  one that the program names itself, never one from a user or a file
 * @throws the system's error when it cannot be written
 */
export function writeSystemText(path: string, text: string): void {
  const file = openSync(path, 'w');
  withRelease(
    () => {
      writeSync(file, text);
    },
    () => {
      closeSync(file);
    },
  );
}
