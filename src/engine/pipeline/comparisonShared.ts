import { blocksTouched, greedyOrder } from '../baselines/depth.ts';
import { collectFluctuations, type LayerFluctuation } from '../baselines/fluctuation.ts';
import { collectStatistics } from '../calibration/collect.ts';
import { LocalEvaluator } from '../evaluation/evaluator.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { scoreLayer } from '../importance/scoreLayer.ts';
import type { LevelModel } from '../levels/levelModel.ts';
import { blockBudget } from '../model/cost.ts';
import type { LayerScores } from '../model/subnet.ts';
import { comparedLevels } from './compareOurs.ts';
import type { Comparison } from './comparison.ts';
import { measured, type Measured } from './comparisonEffort.ts';
import type { Scored } from './scoreStage.ts';

/** Memory for residual streams of subnets with blocks left out, bytes. */
const CACHE_BYTES = 256_000_000;

/** Tokens of the search text that blocks are left out by. */
const DEPTH_TOKENS = 2048;

/** What several rows look at, made when the first of them asks. */
export class SharedWork {
  readonly #comparison: Comparison;
  #scored: Promise<Measured<Scored>> | undefined;
  #levels: Promise<Measured<LevelModel>> | undefined;
  #fluctuations: Promise<Measured<LayerFluctuation[]>> | undefined;
  #order: { readonly count: number; readonly blocks: Promise<Measured<number[]>> } | undefined;

  constructor(comparison: Comparison) {
    this.#comparison = comparison;
  }

  /** The paper's unit scores and the block influences of the dense model. */
  scored(): Promise<Measured<Scored>> {
    this.#scored ??= this.#measured(() => scoreDense(this.#comparison));
    return this.#scored;
  }

  fluctuations(): Promise<Measured<LayerFluctuation[]>> {
    const { bench, work } = this.#comparison;
    const batches = batchesOf(work.tokens.calibration);
    this.#fluctuations ??= this.#measured(() =>
      collectFluctuations(bench.forward, bench.weights, batches, work.signal),
    );
    return this.#fluctuations;
  }

  /** Every sublayer refitted at a row of widths. */
  levels(): Promise<Measured<LevelModel>> {
    this.#levels ??= this.#measured(() => comparedLevels(this.#comparison));
    return this.#levels;
  }

  /** Blocks in the order of {@link greedyOrder}; a shorter order is the beginning of a longer one. */
  lossOrder(count: number): Promise<Measured<number[]>> {
    const { bench, config } = this.#comparison;
    const { shape } = bench.weights;
    const least = Math.min(...config.compare.ratios);
    const most = Math.min(shape.layers - 2, blocksTouched(shape, blockBudget(shape, least)));
    const wanted = Math.min(Math.max(count, most), shape.layers - 2);
    if (this.#order === undefined || this.#order.count < wanted) {
      const blocks = this.#measured(() => orderByLoss(this.#comparison, wanted));
      this.#order = { count: wanted, blocks };
    }
    return this.#order.blocks;
  }

  #measured<T>(work: () => Promise<T>): Promise<Measured<T>> {
    return measured(this.#comparison.bench.forward, work);
  }
}

async function orderByLoss(comparison: Comparison, count: number): Promise<number[]> {
  const { forward, head, weights } = comparison.bench;
  const { tokens, signal, note } = comparison.work;
  const length = tokens.search[0]?.length ?? DEPTH_TOKENS;
  const windows = tokens.search.slice(0, Math.max(1, Math.floor(DEPTH_TOKENS / length)));
  const evaluator = await LocalEvaluator.create({
    ...{ forward, head, weights, signal, windows },
    ...{ kind: 'perplexity', cacheBytes: CACHE_BYTES },
  });
  return greedyOrder(
    weights.shape,
    count,
    async (subnet) => (await evaluator.loss(subnet, signal)).meanNats,
    {
      signal,
      onRemoved: (done) => {
        note(`Depth by loss: ${done} of ${count} blocks chosen`);
      },
    },
  ).finally(() => {
    evaluator.close();
  });
}

async function scoreDense({ bench, config, work }: Comparison): Promise<Scored> {
  const { weights, forward, solver } = bench;
  const { tokens, signal } = work;
  const { shape } = weights;
  const scores: LayerScores[] = [];
  const influence: number[] = [];
  const settings = { score: 'obs', damping: config.importance.damping, scale: 'raw' } as const;
  await collectStatistics(
    forward,
    weights,
    batchesOf(tokens.calibration),
    async ({ layer, weights: own, statistics, influence: one }) => {
      const from = { name: `block ${layer}`, shape, weights: own, statistics };
      scores.push(await scoreLayer(from, settings, solver, signal));
      influence.push(one);
    },
    signal,
  );
  return { scores, influence };
}
