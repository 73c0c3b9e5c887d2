import { readFile } from 'node:fs/promises';
import { EngineError } from '../../protocol/errors.ts';
import { collectStatistics } from '../calibration/collect.ts';
import { type ModelShape, qkUnitsPerHead } from '../checkpoint/modelShape.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { scoreLayer } from '../importance/scoreLayer.ts';
import { writeFileAtomic } from '../runs/atomicWrite.ts';
import type { LayerScores } from '../subnet/subnet.ts';
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
  return run.stage(
    'calibrate',
    async ({ influence }: { readonly influence: readonly number[] }) => ({
      influence,
      scores: unpack(await readFile(path), shape),
    }),
    async (progress) => {
      const scores: LayerScores[] = [];
      const influence: number[] = [];
      const { score, damping } = run.config.importance;
      await collectStatistics(
        bench.forward,
        bench.weights,
        batchesOf(windows),
        async ({ layer, statistics, influence: one }) => {
          scores.push(
            await scoreLayer(
              { name: `block ${layer}`, shape, weights: bench.weights.layers[layer]!, statistics },
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
      writeFileAtomic(path, pack(scores));
      return { influence };
    },
  );
}

function pack(scores: readonly LayerScores[]): Uint8Array {
  const parts = scores.flatMap(({ qk, vo, mlp }) => [...qk, ...vo, mlp]);
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(all.buffer);
}

function unpack(bytes: Uint8Array, shape: ModelShape): LayerScores[] {
  const { layers, kvHeads, headDim, intermediate } = shape;
  const qkUnits = qkUnitsPerHead(shape);
  const expected = 8 * layers * (kvHeads * (qkUnits + headDim) + intermediate);
  if (bytes.length !== expected) {
    throw new EngineError('run', {
      what: `stages/${SCORES_FILE}`,
      expected: `${expected} bytes`,
      found: `${bytes.length}`,
      action: 'Delete the folder "stages" of the run and resume it.',
    });
  }
  const all = new Float64Array(bytes.slice().buffer);
  let at = 0;
  const next = (count: number): Float64Array => all.slice(at, (at += count));
  const heads = Array.from({ length: kvHeads });
  return Array.from({ length: layers }, () => ({
    qk: heads.map(() => next(qkUnits)),
    vo: heads.map(() => next(headDim)),
    mlp: next(intermediate),
  }));
}
