import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as Type from 'typebox';
import { type CheckedFormat, readChecked, writeChecked } from '../../files/checkedJson.ts';
import { shareFile } from '../../files/copyFolder.ts';
import { hashFile } from '../../files/fileHash.ts';
import { removeFile } from '../../files/writeFile.ts';
import { MOST_LAYERS } from '../../protocol/bounds.ts';
import { decodeValue } from '../../protocol/decode.ts';
import { isEngineError } from '../../protocol/errors.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { BlockGrid } from './levelGrid.ts';
import { levelFile } from './levelStore.ts';

/** Raised when the same model, text and grids would give other levels. */
const LEVELS_REVISION = 1;

/** The file that says what the levels in a folder are of, written when all of them are there. */
const RECORD_FILE = 'levels.json';
const RECORD: CheckedFormat = { field: 'levels', head: { revision: LEVELS_REVISION } };
const MOST_RECORD_BYTES = 1_000_000;

const recordSchema = Type.Object({
  key: Type.String({ maxLength: 64 }),
  /** SHA-256 of the file of each block, hex. */
  sha256: Type.Array(Type.String({ maxLength: 64 }), { maxItems: MOST_LAYERS }),
});

/**
 * A hash of all that levels depend on, hex.
 * @param windows  calibration windows, token ids
 * @throws EngineError `checkpoint`, `cancelled`
 */
export async function levelsKey(
  weights: WeightSource,
  windows: readonly Uint32Array[],
  grids: readonly BlockGrid[],
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256').update(`levels ${LEVELS_REVISION}\n`);
  hash.update(`${await weights.key(signal)}\n${JSON.stringify(grids)}\n`);
  for (const window of windows) {
    hash.update(`${window.length}\n`);
    hash.update(new Uint8Array(window.buffer, window.byteOffset, window.byteLength));
  }
  return hash.digest('hex');
}

/** Writes what the levels in a folder are of. All blocks must be there. @throws EngineError `disk` */
export async function sealLevels(
  folder: string,
  key: string,
  blocks: number,
  signal?: AbortSignal,
): Promise<void> {
  const sha256: string[] = [];
  for (let index = 0; index < blocks; index++) {
    sha256.push(await hashFile(join(folder, levelFile(index)), signal));
  }
  writeChecked(join(folder, RECORD_FILE), RECORD, { key, sha256 });
}

/** Whether a folder holds all levels of a key, each file as it was written. */
export async function stateOfLevels(
  folder: string,
  key: string,
  blocks: number,
  signal?: AbortSignal,
): Promise<'whole' | 'damaged' | 'absent'> {
  const sha256 = readRecord(folder, key, blocks);
  if (sha256 === null) return 'absent';
  for (const [index, expected] of sha256.entries()) {
    if (!(await isFile(join(folder, levelFile(index)), expected, signal))) return 'damaged';
  }
  return 'whole';
}

/**
 * Takes the levels of a key over from another folder that holds them: as further names of the same
 * files where the disk can do that, else as copies.
 * @returns  false when the other folder does not hold them whole
 * @throws EngineError `disk` when the folder cannot be written, `cancelled`
 */
export async function takeLevels(
  from: string,
  folder: string,
  key: string,
  blocks: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const sha256 = readRecord(from, key, blocks);
  if (sha256 === null) return false;
  for (const [index, expected] of sha256.entries()) {
    const [source, target] = [from, folder].map((one) => join(one, levelFile(index)));
    if (!(await isFile(source!, expected, signal))) return false;
    await shareFile(source!, target!);
    if (!(await isFile(target!, expected, signal))) {
      // A file that is there would count as made.
      removeFile(target!);
      return false;
    }
  }
  writeChecked(join(folder, RECORD_FILE), RECORD, { key, sha256 });
  return true;
}

/** Hashes of the files of a folder's levels; null when they are not of the key. */
function readRecord(folder: string, key: string, blocks: number): readonly string[] | null {
  try {
    const found = readChecked(join(folder, RECORD_FILE), RECORD, MOST_RECORD_BYTES);
    if (found.kind !== 'whole') return null;
    const record = decodeValue(recordSchema, found.value, RECORD_FILE);
    return record.key === key && record.sha256.length === blocks ? record.sha256 : null;
  } catch (error) {
    if (isEngineError(error, 'disk') || isEngineError(error, 'decode')) return null;
    throw error;
  }
}

async function isFile(path: string, sha256: string, signal?: AbortSignal): Promise<boolean> {
  try {
    return (await hashFile(path, signal)) === sha256;
  } catch (error) {
    if (isEngineError(error, 'disk')) return false;
    throw error;
  }
}
