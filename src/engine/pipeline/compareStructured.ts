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
import { blockBudget } from '../subnet/count.ts';
import type { LayerScores } from '../subnet/subnet.ts';
import { compareMethodA } from './compareMethodA.ts';
import type { Comparison, Contender, RowName } from './comparison.ts';
import type { Scored } from './scoreStage.ts';

/** Memory for residual streams of subnets with blocks left out, bytes. */
const CACHE_BYTES = 256_000_000;

/** The rows of a comparison in which units or blocks are removed. */
export async function compareStructured(comparison: Comparison): Promise<void> {
  const { bench, config } = comparison;
  const { weights } = bench;
  const shared = new Shared(comparison);
  for (const ratio of config.compare.ratios) {
    const budget = blockBudget(weights.shape, ratio);
    for (const method of config.compare.structured) {
      if (method === 'methodA') {
        const nameOf = (step: string): RowName => structuredRow(step, ratio);
        await compareMethodA(comparison, ratio, nameOf, () => shared.scored());
        continue;
      }
      await comparison.row(structuredRow(method, ratio), async (): Promise<Contender> => {
        const made = await structured(comparison, shared, method, budget);
        assertSpends(weights.shape, made, budget);
        return made;
      });
    }
  }
}

/** The name of a structured row. */
export function structuredRow(method: string, ratio: number): RowName {
  const pattern = `kept ${Number((100 * ratio).toFixed(4))}%`;
  return { method, pattern, scope: 'structured' };
}

async function structured(
  { bench, config, tokens, signal }: Comparison,
  shared: Shared,
  method: Exclude<Comparison['config']['compare']['structured'][number], 'methodA'>,
  budget: number,
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
      const batches = batchesOf(tokens.calibration);
      return wandaSpSubnet({ forward, weights, batches, budget, signal });
    }
    case 'flap':
      return flapSubnet(weights, await shared.fluctuations(), budget);
    case 'influence':
      return depthSubnet(weights, influenceOrder((await shared.scored()).influence), budget);
    case 'depth':
      return depthSubnet(weights, await shared.lossOrder(blocksTouched(shape, budget)), budget);
  }
}

/** What several rows look at, made when the first of them asks. */
class Shared {
  readonly #comparison: Comparison;
  #scored: Promise<Scored> | undefined;
  #fluctuations: Promise<LayerFluctuation[]> | undefined;
  #order: { readonly count: number; readonly blocks: Promise<number[]> } | undefined;

  constructor(comparison: Comparison) {
    this.#comparison = comparison;
  }

  /** Unit scores and block influences of the dense model. */
  scored(): Promise<Scored> {
    this.#scored ??= scoreDense(this.#comparison);
    return this.#scored;
  }

  fluctuations(): Promise<LayerFluctuation[]> {
    const { bench, tokens, signal } = this.#comparison;
    const batches = batchesOf(tokens.calibration);
    this.#fluctuations ??= collectFluctuations(bench.forward, bench.weights, batches, signal);
    return this.#fluctuations;
  }

  /** Blocks in the order of {@link greedyOrder}; a shorter order is the beginning of a longer one. */
  lossOrder(count: number): Promise<number[]> {
    const { bench, config } = this.#comparison;
    const { shape } = bench.weights;
    const least = Math.min(...config.compare.ratios);
    const most = Math.min(shape.layers - 2, blocksTouched(shape, blockBudget(shape, least)));
    const wanted = Math.min(Math.max(count, most), shape.layers - 2);
    if (this.#order === undefined || this.#order.count < wanted) {
      this.#order = { count: wanted, blocks: orderByLoss(this.#comparison, wanted) };
    }
    return this.#order.blocks;
  }
}

async function orderByLoss(comparison: Comparison, count: number): Promise<number[]> {
  const { bench, tokens, signal } = comparison;
  const { forward, head, weights } = bench;
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
        comparison.note(`Depth by loss: ${done} of ${count} blocks chosen`);
      },
    },
  );
}

async function scoreDense({ bench, config, tokens, signal }: Comparison): Promise<Scored> {
  const { weights, forward, solver } = bench;
  const { shape } = weights;
  const scores: LayerScores[] = [];
  const influence: number[] = [];
  await collectStatistics(
    forward,
    weights,
    batchesOf(tokens.calibration),
    async ({ layer, statistics, influence: one }) => {
      const from = { name: `block ${layer}`, shape, weights: weights.layers[layer]!, statistics };
      scores.push(await scoreLayer(from, { ...config.importance, scale: 'raw' }, solver, signal));
      influence.push(one);
    },
    signal,
  );
  return { scores, influence };
}
