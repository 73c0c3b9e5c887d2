import { depthSubnet, greedyOrder, influenceOrder, blocksTouched } from '../baselines/depth.ts';
import { flapSubnet } from '../baselines/flap.ts';
import { collectFluctuations, type LayerFluctuation } from '../baselines/fluctuation.ts';
import {
  assertSpends,
  magnitudeSubnet,
  type StructuredCandidate,
} from '../baselines/structuredSubnet.ts';
import { wandaSpSubnet } from '../baselines/wandaSp.ts';
import { collectStatistics } from '../calibration/collect.ts';
import { LocalEvaluator } from '../evaluation/evaluator.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { scoreLayer } from '../importance/scoreLayer.ts';
import { rngFor } from '../numeric/rng.ts';
import { randomSubnet } from '../search/baseline.ts';
import { blockBudget } from '../model/cost.ts';
import type { LayerScores } from '../model/subnet.ts';
import { methodARows } from './compareMethodA.ts';
import { timed, type Timed } from './comparisonTimes.ts';
import type { Comparison, Made, PlannedRow } from './comparison.ts';
import type { Scored } from './scoreStage.ts';

/** Memory for residual streams of subnets with blocks left out, bytes. */
const CACHE_BYTES = 256_000_000;

/** The rows of a comparison in which units or blocks are removed. */
export function structuredRows(comparison: Comparison): PlannedRow[] {
  const { compare } = comparison.config;
  const { shape } = comparison.bench.weights;
  const shared = new SharedWork(comparison);
  return compare.ratios.flatMap((ratio) => {
    const budget = blockBudget(shape, ratio);
    const pattern = `kept ${Number((100 * ratio).toFixed(4))}%`;
    return compare.structured.flatMap((method) =>
      method === 'methodA'
        ? methodARows(comparison, { ratio, pattern }, () => shared.scored())
        : [
            {
              name: { method, pattern, scope: 'structured' as const },
              family: 'structured' as const,
              make: () => structured(comparison, shared, method, budget),
            },
          ],
    );
  });
}

type Method = Exclude<Comparison['config']['compare']['structured'][number], 'methodA'>;

/** A structured model of exactly the budget; work that rows share is in the time of each of them. */
async function structured(
  comparison: Comparison,
  shared: SharedWork,
  method: Method,
  budget: number,
): Promise<Made> {
  const start = performance.now();
  const tally: Tally = { sharedMs: 0, waitedMs: 0 };
  const contender = await narrowed(comparison, { method, budget }, shared, tally);
  assertSpends(comparison.bench.weights.shape, contender, budget);
  const ms = performance.now() - start - tally.waitedMs + tally.sharedMs;
  return { contender, seconds: ms / 1000 };
}

async function narrowed(
  { bench, config, work }: Comparison,
  { method, budget }: { readonly method: Method; readonly budget: number },
  shared: SharedWork,
  tally: Tally,
): Promise<StructuredCandidate> {
  const { weights, forward } = bench;
  const { shape } = weights;
  switch (method) {
    case 'random': {
      const rng = rngFor(config.seed, 'random control');
      const problem = { shape, masks: config.attention, budget };
      return { weights, subnet: randomSubnet(problem, rng), extraParameters: 0 };
    }
    case 'magnitude':
      return magnitudeSubnet(weights, budget);
    case 'wandaSp': {
      const batches = batchesOf(work.tokens.calibration);
      return wandaSpSubnet({ forward, weights, batches, budget, signal: work.signal });
    }
    case 'flap':
      return flapSubnet(weights, await counted(shared.fluctuations(), tally), budget);
    case 'influence': {
      const { influence } = await counted(shared.scored(), tally);
      return depthSubnet(weights, influenceOrder(influence), budget);
    }
    case 'depth': {
      const order = await counted(shared.lossOrder(blocksTouched(shape, budget)), tally);
      return depthSubnet(weights, order, budget);
    }
  }
}

/** What a row took from shared work, milliseconds: the work's whole time, and the wait for it. */
interface Tally {
  sharedMs: number;
  waitedMs: number;
}

async function counted<T>(shared: Promise<Timed<T>>, tally: Tally): Promise<T> {
  const start = performance.now();
  const { value, ms } = await shared;
  tally.waitedMs += performance.now() - start;
  tally.sharedMs += ms;
  return value;
}

/** What several rows look at, made when the first of them asks. */
class SharedWork {
  readonly #comparison: Comparison;
  #scored: Promise<Timed<Scored>> | undefined;
  #fluctuations: Promise<Timed<LayerFluctuation[]>> | undefined;
  #order: { readonly count: number; readonly blocks: Promise<Timed<number[]>> } | undefined;

  constructor(comparison: Comparison) {
    this.#comparison = comparison;
  }

  /** Unit scores and block influences of the dense model. */
  scored(): Promise<Timed<Scored>> {
    this.#scored ??= timed(scoreDense(this.#comparison));
    return this.#scored;
  }

  fluctuations(): Promise<Timed<LayerFluctuation[]>> {
    const { bench, work } = this.#comparison;
    const batches = batchesOf(work.tokens.calibration);
    this.#fluctuations ??= timed(
      collectFluctuations(bench.forward, bench.weights, batches, work.signal),
    );
    return this.#fluctuations;
  }

  /** Blocks in the order of {@link greedyOrder}; a shorter order is the beginning of a longer one. */
  lossOrder(count: number): Promise<Timed<number[]>> {
    const { bench, config } = this.#comparison;
    const { shape } = bench.weights;
    const least = Math.min(...config.compare.ratios);
    const most = Math.min(shape.layers - 2, blocksTouched(shape, blockBudget(shape, least)));
    const wanted = Math.min(Math.max(count, most), shape.layers - 2);
    if (this.#order === undefined || this.#order.count < wanted) {
      this.#order = { count: wanted, blocks: timed(orderByLoss(this.#comparison, wanted)) };
    }
    return this.#order.blocks;
  }
}

async function orderByLoss(comparison: Comparison, count: number): Promise<number[]> {
  const { forward, head, weights } = comparison.bench;
  const { tokens, signal, note } = comparison.work;
  const evaluator = await LocalEvaluator.create({
    ...{ forward, head, weights, signal, windows: tokens.search },
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
  );
}

async function scoreDense({ bench, config, work }: Comparison): Promise<Scored> {
  const { weights, forward, solver } = bench;
  const { tokens, signal } = work;
  const { shape } = weights;
  const scores: LayerScores[] = [];
  const influence: number[] = [];
  await collectStatistics(
    forward,
    weights,
    batchesOf(tokens.calibration),
    async ({ layer, weights: own, statistics, influence: one }) => {
      const from = { name: `block ${layer}`, shape, weights: own, statistics };
      scores.push(await scoreLayer(from, { ...config.importance, scale: 'raw' }, solver, signal));
      influence.push(one);
    },
    signal,
  );
  return { scores, influence };
}
