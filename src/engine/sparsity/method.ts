import type { ModelShape } from '../model/modelShape.ts';
import { assertScorable, type ScoreRule } from './scoreMap.ts';
import { SUPPORT_DEFAULTS, type SupportOptions } from './supportRefit.ts';
import type { StatisticsWish } from './sublayerStatistics.ts';

/** What weights that stay are fitted to reproduce. */
export interface RefitWish extends SupportOptions {
  /** `dense`: o and down repair what earlier blocks lost too; `layer`: each map its own output. */
  readonly target: 'dense' | 'layer';
}

/** How a model is made sparse. */
export interface SparsityMethod {
  /** Which weights stay; `sparsegpt` also updates them. */
  readonly rule: ScoreRule | 'sparsegpt';
  /** Exponent of a neuron's factor in `dass` and `sensitivity`. */
  readonly alpha: number;
  /** Of SparseGPT's Gram matrices, as a fraction of the mean diagonal. */
  readonly damping: number;
  /** Best weights on the chosen support; null leaves them as the rule does. */
  readonly refit: RefitWish | null;
}

/** Names of the methods of a comparison. */
export type SparsityMethodName = 'magnitude' | 'wanda' | 'sparsegpt' | 'dass' | 'ours';

const REFIT: RefitWish = { ...SUPPORT_DEFAULTS, target: 'dense' };

/**
 * The published methods with their published settings, and ours: the masks of DaSS with the best
 * weights on them. With SparseGPT's masks and weights to begin with it is no better (2:4 of the MLPs
 * of SmolLM2-135M: 76.3 against 74.5) and takes longer.
 */
export const SPARSITY_METHODS: Readonly<Record<SparsityMethodName, SparsityMethod>> = {
  magnitude: { rule: 'magnitude', alpha: 0.5, damping: 0.01, refit: null },
  wanda: { rule: 'wanda', alpha: 0.5, damping: 0.01, refit: null },
  sparsegpt: { rule: 'sparsegpt', alpha: 0.5, damping: 0.01, refit: null },
  dass: { rule: 'dass', alpha: 0.5, damping: 0.01, refit: null },
  ours: { rule: 'dass', alpha: 0.5, damping: 0.01, refit: REFIT },
};

/**
 * A method for a model: ours follows the gate of an MLP only where there is one, and takes Wanda's
 * masks elsewhere.
 */
export function methodFor(shape: ModelShape, name: SparsityMethodName): SparsityMethod {
  const method = SPARSITY_METHODS[name];
  return name === 'ours' && !shape.mlp.gated ? { ...method, rule: 'wanda' } : method;
}

/** What the rule of a method needs of calibration; null when the method needs nothing at all. */
export function wishOf({ rule, refit }: SparsityMethod): Omit<StatisticsWish, 'sets'> | null {
  if (rule === 'magnitude' && refit === null) return null;
  return { gram: rule === 'sparsegpt', sensitivity: rule === 'sensitivity' };
}

/**
 * Refuses what cannot be done with a model, before any work.
 * @throws EngineError `config`
 */
export function assertMethodFits(shape: ModelShape, { rule }: SparsityMethod): void {
  if (rule !== 'sparsegpt') assertScorable(shape, rule);
}
