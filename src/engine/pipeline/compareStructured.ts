import { blocksTouched, depthSubnet, influenceOrder } from '../baselines/depth.ts';
import { flapSubnet } from '../baselines/flap.ts';
import { sliceGptModel } from '../baselines/sliceGpt.ts';
import {
  assertSpends,
  magnitudeSubnet,
  narrowed,
  type StructuredCandidate,
} from '../baselines/structuredSubnet.ts';
import { uniformObcSubnet } from '../baselines/uniformObc.ts';
import { wandaSpSubnet } from '../baselines/wandaSp.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { rngFor } from '../numeric/rng.ts';
import { randomSubnet } from '../search/baseline.ts';
import { blockOf } from '../model/block.ts';
import { blockBudget, unitCosts } from '../model/cost.ts';
import { oursRows } from './compareOurs.ts';
import { paperRows } from './comparePaper.ts';
import { type Effort, measured, type Measured, sumOf } from './comparisonEffort.ts';
import type { Comparison, Made, PlannedRow } from './comparison.ts';
import { SharedWork } from './comparisonShared.ts';

/** The rows of a comparison in which units, directions of the stream or blocks are removed. */
export function structuredRows(comparison: Comparison): PlannedRow[] {
  const { compare } = comparison.config;
  const { shape } = comparison.bench.weights;
  const shared = new SharedWork(comparison);
  return compare.ratios.flatMap((ratio) => {
    const budget = blockBudget(shape, ratio);
    const pattern = `kept ${Number((100 * ratio).toFixed(4))}%`;
    const at = { ratio, pattern };
    return compare.structured.flatMap((method): PlannedRow[] => {
      if (method === 'paper') return paperRows(comparison, at, () => shared.scored());
      if (method === 'ours') return oursRows(comparison, at, () => shared.levels());
      const make = () => structured(comparison, shared, method, budget);
      return [{ name: { method, pattern, scope: 'structured' }, make }];
    });
  });
}

type Method = Exclude<Comparison['config']['compare']['structured'][number], 'paper' | 'ours'>;

/** A structured model on the budget; work that rows share is in the effort of each of them. */
async function structured(
  comparison: Comparison,
  shared: SharedWork,
  method: Method,
  budget: number,
): Promise<Made> {
  const { forward, weights } = comparison.bench;
  const corrections: Effort[] = [];
  const count = async <T>(work: Promise<Measured<T>>): Promise<T> => {
    const { value, effort: waited } = await measured(forward, () => work);
    corrections.push(value.effort, { seconds: -waited.seconds, tokens: -waited.tokens });
    return value.value;
  };
  const { value: contender, effort } = await measured(forward, () =>
    narrowedBy(comparison, { method, budget }, shared, count),
  );
  // Directions of the stream are coarser than units: SliceGPT sees to its budget itself.
  if (contender.projections === undefined) {
    assertSpends(contender.blockParams, budget, unitCosts(blockOf(weights.shape, 0)).mlp);
  }
  return { contender, effort: sumOf([effort, ...corrections]) };
}

async function narrowedBy(
  { bench, config, work }: Comparison,
  { method, budget }: { readonly method: Method; readonly budget: number },
  shared: SharedWork,
  count: <T>(work: Promise<Measured<T>>) => Promise<T>,
): Promise<StructuredCandidate> {
  const { weights, forward, solver } = bench;
  const { shape } = weights;
  const { signal } = work;
  const batches = batchesOf(work.tokens.calibration);
  switch (method) {
    case 'random': {
      const rng = rngFor(config.seed, 'random control');
      return narrowed(weights, randomSubnet({ shape, masks: config.attention, budget }, rng));
    }
    case 'magnitude':
      return magnitudeSubnet(weights, budget);
    case 'wanda-sp':
      return wandaSpSubnet({ forward, weights, batches, budget, signal });
    case 'flap':
      return flapSubnet(weights, await count(shared.fluctuations()), budget);
    case 'influence': {
      const { influence } = await count(shared.scored());
      return depthSubnet(weights, influenceOrder(influence), budget);
    }
    case 'depth': {
      const order = await count(shared.lossOrder(blocksTouched(shape, budget)));
      return depthSubnet(weights, order, budget);
    }
    case 'uniform-obc': {
      const { damping } = config.importance;
      return uniformObcSubnet({ forward, solver, weights, batches, budget, damping, signal });
    }
    case 'slicegpt':
      return sliceGptModel({ forward, solver, weights, batches, budget, signal });
  }
}
