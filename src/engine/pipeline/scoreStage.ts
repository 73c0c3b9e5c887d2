import { createHash } from 'node:crypto';
import * as Type from 'typebox';
import { readPlain } from '../../files/plainFile.ts';
import { replaceFile } from '../../files/writeFile.ts';
import { EngineError } from '../../protocol/errors.ts';
import { collectStatistics } from '../calibration/collect.ts';
import { blocksOf, qkUnitCount } from '../model/block.ts';
import { type ModelShape, mostQkUnits } from '../model/modelShape.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { scoreLayer } from '../importance/scoreLayer.ts';
import type { LayerScores } from '../model/subnet.ts';
import type { RunContext } from './runContext.ts';
import type { Workbench } from './workbench.ts';

/** What calibration and scoring leave for the later stages. */
export interface Scored {
  readonly scores: readonly LayerScores[];
  /** Block influence, [L]; small for a block that could go. */
  readonly influence: readonly number[];
}

const SCORES_FILE = 'scores.bin';

/**
 * Gathers the dense model's statistics and scores every prunable unit, block by block in one pass,
 * so that one block's Gram matrices are in memory at a time. The scores are kept as float64: masks
 * of a resumed run must come out of the very same numbers.
 * @param windows  calibration windows
 * @throws EngineError `numeric`, `cancelled`, `disk`
 */
export function scoreStage(
  run: RunContext,
  bench: Workbench,
  windows: readonly Uint32Array[],
): Promise<Scored> {
  const { shape } = bench.weights;
  const path = run.folder.stageFile(SCORES_FILE);
  return run.stage('calibrate', {
    kept: keptSchema,
    restore: ({ influence, sha256 }) => {
      if (influence.length !== shape.layers) throw damaged(`${influence.length} blocks`);
      return { influence, scores: readScores(path, shape, sha256) };
    },
    work: async (progress) => {
      const scores: LayerScores[] = [];
      const influence: number[] = [];
      const { score, damping } = run.config.importance;
      await collectStatistics(
        bench.forward,
        bench.weights,
        batchesOf(windows),
        async ({ layer, weights, statistics, influence: one }) => {
          scores.push(
            await scoreLayer(
              { name: `block ${layer}`, shape, weights, statistics },
              { score, damping, scale: 'raw' },
              bench.solver,
              run.signal,
            ),
          );
          influence.push(one);
          progress(layer + 1, shape.layers);
        },
        run.signal,
      );
      return { influence, sha256: writeScores(run, shape, scores) };
    },
  });
}

/**
 * Keeps the scores of every unit in the run folder, where a dashboard looks for them.
 * @returns  SHA-256 of the file, hex
 */
export function writeScores(
  run: RunContext,
  shape: ModelShape,
  scores: readonly LayerScores[],
): string {
  const bytes = pack(scores, mostQkUnits(shape));
  replaceFile(run.folder.stageFile(SCORES_FILE), bytes);
  return sha256Of(bytes);
}

const keptSchema = Type.Object({
  influence: Type.Array(Type.Number()),
  /** Of the file of scores; absent in runs of older versions. */
  sha256: Type.Optional(Type.String()),
});

/**
 * Scores in the order of a plane of units.
 * @param qkUnits  room for query/key units of a head; what a block lacks is zero
 */
function pack(scores: readonly LayerScores[], qkUnits: number): Uint8Array {
  const filled = (one: Float64Array): Float64Array[] => [
    one,
    new Float64Array(qkUnits - one.length),
  ];
  const parts = scores.flatMap(({ qk, vo, mlp }) => [...qk.flatMap(filled), ...vo, mlp]);
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(all.buffer);
}

function readScores(path: string, shape: ModelShape, sha256: string | undefined): LayerScores[] {
  const expected = 8 * shape.layers * unitsPerLayer(shape);
  const bytes = readPlain(path, { links: 'refused', mostBytes: expected });
  if (bytes?.length !== expected) throw damaged(`${bytes?.length ?? 0} bytes`);
  if (sha256 !== undefined && sha256 !== sha256Of(bytes)) throw damaged('other bytes');
  return unpack(bytes, shape);
}

function unitsPerLayer(shape: ModelShape): number {
  return shape.kvHeads * (mostQkUnits(shape) + shape.headDim) + shape.intermediate;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function damaged(found: string): EngineError {
  return new EngineError('decode', {
    what: `stages/${SCORES_FILE}`,
    expected: 'the scores that were written',
    found,
    sentence: `The stored scores of the run (stages/${SCORES_FILE}) are damaged: ${found}.`,
    action: 'They are worked out again.',
  });
}

function unpack(bytes: Uint8Array, shape: ModelShape): LayerScores[] {
  const { kvHeads, headDim, intermediate } = shape;
  const qkUnits = mostQkUnits(shape);
  const all = new Float64Array(bytes.slice().buffer);
  let at = 0;
  const next = (count: number): Float64Array => all.slice(at, (at += count));
  const heads = Array.from({ length: kvHeads });
  return blocksOf(shape).map(({ attention }) => ({
    qk: heads.map(() => next(qkUnits).subarray(0, qkUnitCount(attention))),
    vo: heads.map(() => next(headDim)),
    mlp: next(intermediate),
  }));
}
