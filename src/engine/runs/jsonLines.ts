import { closeSync, fstatSync, fsyncSync, ftruncateSync, readSync } from 'node:fs';
import { openPlain, readUpTo } from '../../files/plainFile.ts';
import { releaseQuietly, withRelease } from '../../files/release.ts';
import { onDisk, openToAppend, refuseNonFinite, writeFully } from '../../files/writeFile.ts';

/** Longest file read whole; longer ones lose their beginning, never their end. */
const MOST_BYTES = 256 * 1024 * 1024;
const NEWLINE = 10;

/**
 * A file of one JSON value per line that only grows.
 *
 * A crash can leave the last line torn. Opening for writing cuts it off; reading skips it.
 */
export class JsonLinesFile {
  readonly path: string;
  private readonly file: number;
  private size: number;

  /**
   * Opens the file for writing, makes it when absent, and repairs a torn tail.
   * @throws EngineError `disk`
   */
  constructor(path: string) {
    this.path = path;
    this.file = openToAppend(path);
    this.size = onDisk(path, () => {
      const whole = wholeLength(this.file, fstatSync(this.file).size);
      ftruncateSync(this.file, whole);
      return whole;
    });
  }

  /**
   * Adds a value. When the disk refuses it, what was half written is removed again.
   * @throws EngineError `disk`; `numeric` for a value JSON cannot hold
   */
  append(value: unknown): void {
    const bytes = Buffer.from(`${JSON.stringify(value, refuseNonFinite)}\n`, 'utf8');
    onDisk(this.path, () => {
      try {
        writeFully(this.file, bytes);
      } catch (error) {
        releaseQuietly(() => {
          ftruncateSync(this.file, this.size);
        });
        throw error;
      }
    });
    this.size += bytes.length;
  }

  /** Makes what was added survive a power cut. */
  sync(): void {
    onDisk(this.path, () => {
      fsyncSync(this.file);
    });
  }

  /** Closes the file. Never throws: what was written is there. */
  close(): void {
    releaseQuietly(() => {
      closeSync(this.file);
    });
  }
}

/** Lines of such a file. */
export interface JsonLines {
  /** Whole lines, without the newline. */
  readonly lines: readonly string[];
  /** True when the file ends in the middle of a line. */
  readonly torn: boolean;
}

/**
 * Reads a file of lines that another process may be writing.
 * @returns nothing for an absent file
 * @throws EngineError `disk`
 */
export function readJsonLines(path: string): JsonLines {
  const opened = openPlain(path, { links: 'refused', mostBytes: Infinity });
  if (opened === undefined) return { lines: [], torn: false };
  const { file, bytes: size } = opened;
  return withRelease(
    () => {
      const from = Math.max(0, size - MOST_BYTES);
      const read = onDisk(path, () => readUpTo(file, size - from, from));
      const bytes = from === 0 ? read : read.subarray(read.indexOf(NEWLINE) + 1);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      const text = bytes.toString('utf8', 0, end);
      return { lines: text.split('\n').filter((line) => line !== ''), torn: end < bytes.length };
    },
    () => {
      closeSync(file);
    },
  );
}

/** Bytes up to and including the last newline. */
function wholeLength(file: number, size: number): number {
  const block = Buffer.alloc(64 * 1024);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - block.length);
    const read = readSync(file, block, 0, end - start, start);
    const at = block.subarray(0, read).lastIndexOf(NEWLINE);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}
