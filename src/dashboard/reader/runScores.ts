import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { runFiles } from '../../engine/runs/runLayout.ts';
import { insideFolder } from '../../files/insideFolder.ts';
import { openPlain, readUpTo } from '../../files/plainFile.ts';
import { withRelease } from '../../files/release.ts';
import { onDisk } from '../../files/writeFile.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { UnitLayout } from '../../protocol/unitLayout.ts';

const FILE = join(runFiles.stages, 'scores.bin');
const FLOAT_BYTES = 8;

/** True when a run has the scores of its units on disk. */
export function hasScores(folder: string, layout: UnitLayout): boolean {
  try {
    return readLayer(folder, layout, 0).length > 0;
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  }
}

/**
 * Scores of the units of one block.
 * @param layer  from 0
 * @returns [perLayer] in the order of the layout; larger is more worth keeping
 * @throws EngineError `run` when there are none, or the file is damaged
 */
export function layerScores(folder: string, layout: UnitLayout, layer: number): Float32Array {
  return Float32Array.from(readLayer(folder, layout, layer));
}

/**
 * Rank of each unit's score among those of its kind in its block: query/key units, value/output
 * units and neurons are each compared among themselves, because their scores are not comparable.
 * @returns [layers · perLayer], 0 = least, 255 = most worth keeping; equal scores have equal ranks
 * @throws EngineError `run`
 */
export function importanceRanks(folder: string, layout: UnitLayout): Uint8Array {
  const { layers, perLayer, kvHeads, qkUnits, headDim } = layout;
  // The first block is read before anything is allocated: that checks the size of the file.
  readLayer(folder, layout, 0);
  const ranks = new Uint8Array(layers * perLayer);
  const ends = [kvHeads * qkUnits, kvHeads * (qkUnits + headDim), perLayer];
  for (let l = 0; l < layers; l++) {
    const scores = readLayer(folder, layout, l);
    let start = 0;
    for (const end of ends) {
      rankInto(
        ranks.subarray(l * perLayer + start, l * perLayer + end),
        scores.subarray(start, end),
      );
      start = end;
    }
  }
  return ranks;
}

function rankInto(ranks: Uint8Array, scores: Float64Array): void {
  const sorted = scores.slice().sort();
  const last = Math.max(1, sorted.length - 1);
  for (let i = 0; i < scores.length; i++) {
    ranks[i] = Math.round((255 * firstNotBelow(sorted, scores[i]!)) / last);
  }
}

function firstNotBelow(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function readLayer(folder: string, layout: UnitLayout, layer: number): Float64Array {
  const { layers, perLayer } = layout;
  const path = insideFolder(folder, FILE);
  const expected = layers * perLayer * FLOAT_BYTES;
  const opened = openPlain(path, { links: 'refused', mostBytes: Infinity });
  if (opened === undefined) {
    throw noScores(
      'no such file yet',
      'The run has not scored its units yet.',
      'Wait until the run has scored its units.',
    );
  }
  const { file, bytes: size } = opened;
  return withRelease(
    () => {
      if (size !== expected || layer >= layers) {
        throw noScores(
          `${size} bytes instead of ${expected}`,
          `${FILE} does not hold the scores of block ${layer}: it has ${size} bytes, and ${layers} blocks take ${expected}.`,
          'Start a new run.',
        );
      }
      const length = perLayer * FLOAT_BYTES;
      const bytes = onDisk(path, () => readUpTo(file, length, layer * length));
      return new Float64Array(
        bytes.buffer,
        bytes.byteOffset,
        Math.floor(bytes.length / FLOAT_BYTES),
      );
    },
    () => {
      closeSync(file);
    },
  );
}

function noScores(found: string, sentence: string, action: string): EngineError {
  const expected = 'scores of every unit';
  return new EngineError('run', { what: FILE, expected, found, sentence, action });
}
