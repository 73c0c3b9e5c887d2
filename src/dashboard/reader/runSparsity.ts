import { closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { runFiles } from '../../engine/runs/runLayout.ts';
import { insideFolder } from '../../files/insideFolder.ts';
import { openPlain, readPlainText, readUpTo } from '../../files/plainFile.ts';
import { withRelease } from '../../files/release.ts';
import { onDisk } from '../../files/writeFile.ts';
import { decodeJson } from '../../protocol/decode.ts';
import { EngineError } from '../../protocol/errors.ts';
import {
  SPARSE_BITS_FILE,
  SPARSE_RECORD_FILE,
  sparsityRecordSchema,
  type MapName,
  type SparseMap,
  type SparsityRecord,
} from '../../protocol/sparsityRecord.ts';
import { fileStamp } from './fileStamp.ts';

/** The zeros of one weight. */
export interface WeightPattern {
  /** Outputs. */
  readonly rows: number;
  /** Inputs. */
  readonly columns: number;
  /** rows × ceil(columns / 8) bytes, lowest bit first, 1 = kept. */
  readonly bits: Uint8Array;
}

/** Largest record that is read: those of the largest models are a tenth of it. */
const MOST_RECORD_BYTES = 64 * 1024 * 1024;
/** Largest weight that is shown, bytes of its bits: 65,536 × 65,536. */
const MOST_BYTES = 512 * 1024 * 1024;

/** True when a run says where its zeros are. */
export function hasSparsity(folder: string): boolean {
  return existsSync(join(folder, runFiles.masks, SPARSE_RECORD_FILE));
}

/**
 * Where a run put its zeros, map by map.
 * @throws EngineError `run` when it has none yet, `decode` for a damaged record, `disk`
 */
export function readSparsity(folder: string): SparsityRecord {
  const path = insideFolder(folder, join(runFiles.masks, SPARSE_RECORD_FILE));
  const text = readPlainText(path, { links: 'refused', mostBytes: MOST_RECORD_BYTES });
  if (text === undefined) {
    throw noSparsity('none', 'The run has not sparsified its weights yet.', 'Wait until it has.');
  }
  return decodeJson(sparsityRecordSchema, text, SPARSE_RECORD_FILE);
}

/** Tells one state of a run's record from another; null when it has none. */
export function sparsityStamp(folder: string): string | null {
  return fileStamp(join(folder, runFiles.masks, SPARSE_RECORD_FILE));
}

/**
 * The zeros of one weight.
 * @param record  of the same run; read when it is left out
 * @throws EngineError `run` when it was not made sparse or the file is damaged, `decode`, `disk`
 */
export function weightPattern(
  folder: string,
  block: number,
  map: MapName,
  record: SparsityRecord = readSparsity(folder),
): WeightPattern {
  const found = record.maps.find((one) => one.block === block && one.map === map);
  if (found === undefined) {
    const sentence = `The map ${map} of block ${block} was not made sparse.`;
    throw noSparsity(
      `none for ${map} of block ${block}`,
      sentence,
      'Choose a map that was made sparse.',
    );
  }
  const { rows, columns } = found;
  return { rows, columns, bits: bitsOf(folder, found) };
}

function bitsOf(folder: string, { rows, columns, offset }: SparseMap): Uint8Array {
  const path = insideFolder(folder, join(runFiles.masks, SPARSE_BITS_FILE));
  const length = rows * Math.ceil(columns / 8);
  const opened = openPlain(path, { links: 'refused', mostBytes: Infinity });
  if (opened === undefined) {
    const sentence = `The run folder has lost ${SPARSE_BITS_FILE}, which says where the zeros are.`;
    throw noSparsity(`no ${SPARSE_BITS_FILE}`, sentence, 'Start a new run.');
  }
  const { file, bytes: size } = opened;
  return withRelease(
    () => {
      if (length > MOST_BYTES || offset + length > size) {
        const sentence = `${SPARSE_BITS_FILE} of the run folder is damaged: its ${size} bytes do not hold what ${SPARSE_RECORD_FILE} records.`;
        throw noSparsity(`${size} bytes in ${SPARSE_BITS_FILE}`, sentence, 'Start a new run.');
      }
      const bits = onDisk(path, () => readUpTo(file, length, offset));
      return new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
    },
    () => {
      closeSync(file);
    },
  );
}

function noSparsity(found: string, sentence: string, action: string): EngineError {
  return new EngineError('run', {
    what: 'The zeros of this run',
    expected: `a record in ${SPARSE_RECORD_FILE} and its bits`,
    ...{ found, sentence, action },
  });
}
