import { closeSync, fstatSync, fsyncSync, ftruncateSync } from 'node:fs';
import { join } from 'node:path';
import { insideFolder, makeFolderInside } from '../../files/insideFolder.ts';
import { openPlain, readUpTo } from '../../files/plainFile.ts';
import { releaseQuietly, withRelease } from '../../files/release.ts';
import { onDisk, openToAppend, writeFully } from '../../files/writeFile.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { UnitLayout } from '../../protocol/unitLayout.ts';
import { runFiles } from './runLayout.ts';

/** Most bytes of masks a run keeps; a search that judges more keeps the first of them. */
export const MOST_CANDIDATE_BYTES = 1024 ** 3;

const KEY_BYTES = 8;
const FILE = join(runFiles.masks, 'candidates.bin');

/**
 * Masks of every judged candidate, one record after the other: the subnet key's 8 bytes, then the
 * bits of all units.
 *
 * The file only grows. A crash can leave the last record torn; opening cuts it off. A candidate
 * judged again after a crash may stand in it twice, with the same bits.
 */
export class CandidateStore {
  private readonly path: string;
  private readonly file: number;
  private readonly recordBytes: number;
  private readonly most: number;
  private size: number;

  /**
   * Opens the store of a run for writing, makes it when absent, and repairs a torn tail.
   * @param folder  the run folder
   * @param most  most bytes kept
   * @throws EngineError `disk`
   */
  constructor(folder: string, layout: UnitLayout, most = MOST_CANDIDATE_BYTES) {
    makeFolderInside(folder, runFiles.masks);
    this.path = insideFolder(folder, FILE);
    this.recordBytes = recordBytesOf(layout);
    this.most = most;
    this.file = openToAppend(this.path);
    this.size = onDisk(this.path, () => {
      const { size } = fstatSync(this.file);
      const whole = size - (size % this.recordBytes);
      if (whole < size) ftruncateSync(this.file, whole);
      return whole;
    });
  }

  /**
   * Adds a candidate. When the disk refuses it, what was half written is removed again.
   * @param key  subnet key, 16 hex digits
   * @param bits  [layers · bytesPerLayer]
   * @returns false when the store is full and the masks were not kept
   * @throws EngineError `disk`
   */
  append(key: string, bits: Uint8Array): boolean {
    if (this.size + this.recordBytes > this.most) return false;
    const record = new Uint8Array(this.recordBytes);
    record.set(Buffer.from(key, 'hex'));
    record.set(bits, KEY_BYTES);
    onDisk(this.path, () => {
      try {
        writeFully(this.file, record);
      } catch (error) {
        releaseQuietly(() => {
          ftruncateSync(this.file, this.size);
        });
        throw error;
      }
    });
    this.size += record.length;
    return true;
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

/**
 * Keys of the candidates whose masks a run keeps, in the order they were judged. The file may be
 * growing meanwhile; a record that is not whole yet is left out.
 * @param folder  the run folder
 * @param from  number of records to skip, e.g. those read before
 * @returns none when there is no such file
 * @throws EngineError `disk`
 */
export function candidateKeys(folder: string, layout: UnitLayout, from = 0): string[] {
  return reading(folder, layout, [], (file, records) => {
    const keys: string[] = [];
    for (let i = from; i < records; i++) keys.push(keyAt(file, layout, i));
    return keys;
  });
}

/**
 * Masks of a candidate by its key; the last record of that key counts.
 * @returns [layers · bytesPerLayer]; undefined when the run does not keep them
 * @throws EngineError `disk`
 */
export function readCandidate(
  folder: string,
  layout: UnitLayout,
  key: string,
): Uint8Array | undefined {
  return reading(folder, layout, undefined, (file, records) => {
    for (let i = records - 1; i >= 0; i--) {
      if (keyAt(file, layout, i) === key) return bitsAt(file, layout, i);
    }
    return undefined;
  });
}

/**
 * Masks of a candidate by its place in {@link candidateKeys}.
 * @returns [layers · bytesPerLayer]; undefined when there are not so many
 * @throws EngineError `disk`
 */
export function readCandidateAt(
  folder: string,
  layout: UnitLayout,
  index: number,
): Uint8Array | undefined {
  return reading(folder, layout, undefined, (file, records) =>
    index < records ? bitsAt(file, layout, index) : undefined,
  );
}

function reading<T>(
  folder: string,
  layout: UnitLayout,
  absent: T,
  read: (file: number, records: number) => T,
): T {
  const path = insideFolder(folder, FILE);
  const opened = openPlain(path, { links: 'refused', mostBytes: MOST_CANDIDATE_BYTES });
  if (opened === undefined) return absent;
  return withRelease(
    () => onDisk(path, () => read(opened.file, Math.floor(opened.bytes / recordBytesOf(layout)))),
    () => {
      closeSync(opened.file);
    },
  );
}

function keyAt(file: number, layout: UnitLayout, index: number): string {
  return readAt(file, KEY_BYTES, index * recordBytesOf(layout)).toString('hex');
}

function bitsAt(file: number, layout: UnitLayout, index: number): Uint8Array {
  const { layers, bytesPerLayer } = layout;
  const bytes = readAt(file, layers * bytesPerLayer, index * recordBytesOf(layout) + KEY_BYTES);
  // A Buffer would reach a webview as an object: its toJSON comes before VS Code sees bytes.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readAt(file: number, length: number, at: number): Buffer {
  const bytes = readUpTo(file, length, at);
  if (bytes.length < length) throw shrunk();
  return bytes;
}

function recordBytesOf({ layers, bytesPerLayer }: UnitLayout): number {
  return KEY_BYTES + layers * bytesPerLayer;
}

function shrunk(): EngineError {
  return new EngineError('run', {
    what: FILE,
    expected: 'a file that only grows',
    found: 'one that became shorter while it was read',
    action: 'Read it again.',
    sentence: `The masks of the run (${FILE}) became shorter while they were read.`,
  });
}
