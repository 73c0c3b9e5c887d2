import { EngineError, misfit } from '../../protocol/errors.ts';
import { LEVEL_KINDS } from './levelGrid.ts';
import { meanOf } from '../numeric/mean.ts';
import type { LevelEvaluator } from './levelEvaluator.ts';
import { type LevelModel, type Levels, placeOf } from './levelModel.ts';
import { type BudgetRange, fill, lastLevel, removeWhole, stepDown } from './switches.ts';
import type { Rng } from '../numeric/rng.ts';

/** What each level of each gene is estimated to cost in loss, nats, [3L][levels]. */
export type LevelCosts = readonly Float64Array[];

/** Loss below which a measured difference counts as this much, nats. */
const LEAST_LOSS = 1e-5;

/**
 * Measures what it costs to take one gene at a time to about half of its width, and extends that to
 * its other levels in the proportion of their errors.
 * @param chosen  windows to judge on
 */
export async function measureSensitivities(
  evaluator: LevelEvaluator,
  model: LevelModel,
  chosen: readonly number[],
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: (done: number, total: number) => void;
  } = {},
): Promise<LevelCosts> {
  const dense = model.dense();
  const parent = await evaluator.parent(dense, chosen, options.signal);
  const costs: Float64Array[] = [];
  try {
    for (let gene = 0; gene < dense.length; gene++) {
      const middle = Math.max(1, Math.floor(lastLevel(model, gene) / 2));
      const errors = errorsOf(model, gene);
      const one = dense.slice();
      stepDown(model, one, gene, middle);
      const losses = await evaluator.child(one, parent, options.signal);
      const lost = Math.max(LEAST_LOSS, meanOf(losses) - meanOf(parent.losses));
      const scale = lost / Math.max(errors[middle] ?? 0, Number.MIN_VALUE);
      costs.push(Float64Array.from(errors, (error, level) => (level === 0 ? 0 : scale * error)));
      options.onProgress?.(gene + 1, dense.length);
    }
  } finally {
    evaluator.release(parent);
  }
  return costs;
}

/**
 * Levels on the budget from estimated costs: of all steps down, always the one of the least cost for
 * its parameters.
 * @param power  of the measured sensitivity: 1 takes it as it is; 0 treats all sublayers alike and
 *   goes by the shapes of their errors alone
 */
export function allocateLevels(
  model: LevelModel,
  costs: LevelCosts,
  budget: BudgetRange,
  power: number,
  rng: Rng,
): Levels {
  const levels = model.dense();
  const mean = Math.exp(costs.reduce((sum, one) => sum + Math.log(totalOf(one)), 0) / costs.length);
  const weights = costs.map((one) => (totalOf(one) / mean) ** (power - 1));
  while (model.parameters(levels) > budget.most) {
    let best = { gene: -1, price: Infinity };
    const whole = model.parameters(levels);
    for (let gene = 0; gene < levels.length; gene++) {
      const lower = levels.slice();
      if (!stepDown(model, lower, gene)) continue;
      const saved = whole - model.parameters(lower);
      const lost = weights[gene]! * (costs[gene]![lower[gene]!]! - costs[gene]![levels[gene]!]!);
      const price = Math.max(0, lost) / saved;
      if (price < best.price) best = { gene, price };
    }
    stepDown(model, levels, best.gene);
  }
  return filled(model, levels, budget, rng);
}

/** Every sublayer of the same share of its units, on the budget. */
export function evenLevels(model: LevelModel, budget: BudgetRange, rng: Rng): Levels {
  const shares = model.grids.flatMap((grid) =>
    LEVEL_KINDS.map((kind) => grid[kind].map((width) => width / grid[kind][0]!)),
  );
  const at = (share: number): Levels => {
    const levels = Uint16Array.from(shares, (ofGene) =>
      ofGene.findIndex((one) => one <= share + 1e-9),
    );
    for (const gene of levels.keys()) removeWhole(model, levels, gene);
    return levels;
  };
  let [low, high] = [0, 1];
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (model.parameters(at(middle)) > budget.most) high = middle;
    else low = middle;
  }
  const levels = at(low);
  return filled(model, levels, budget, rng);
}

/** Attempts at meeting a budget before it counts as out of reach. */
const ATTEMPTS = 100;

/** The levels with as little change as meets the budget. */
function filled(model: LevelModel, levels: Levels, budget: BudgetRange, rng: Rng): Levels {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const tried = levels.slice();
    for (let i = 0; i < attempt; i++) stepDown(model, tried, rng.int(tried.length));
    if (fill(model, tried, budget, rng)) return tried;
  }
  const found = `${model.parameters(levels)}`;
  throw new EngineError('budget', {
    ...misfit(
      'The levels of the model',
      `${budget.least} to ${budget.most} block parameters`,
      found,
    ),
    action: 'Choose another ratio.',
    sentence: `No choice of levels comes close enough to the budget of ${budget.most} block parameters: the nearest that was found has ${found}.`,
  });
}

function totalOf(costs: Float64Array): number {
  return Math.max(costs.at(-1)!, Number.MIN_VALUE);
}

function errorsOf(model: LevelModel, gene: number): Float32Array {
  const { index, kind } = placeOf(gene);
  return model.blocks[index]!.errors[kind];
}
