import { EngineError, misfit } from '../../protocol/errors.ts';
import type { MutationRates, VariationOptions } from './mutate.ts';

/** Every number of the evolution; a preset gives all of them, a config overrides some. */
export interface EvolveOptions extends VariationOptions {
  /** N: children of the initial subnet in generation 0. */
  readonly population: number;
  /** k: best candidates kept from parents and children together. */
  readonly survivors: number;
  /** Generations after generation 0 (the paper's epochs). */
  readonly generations: number;
  /** Children per generation by mutation, N_m. */
  readonly mutations: number;
  /** Children per generation by crossover, N_c. */
  readonly crossovers: number;
  /** Children per generation by mutation at the initial rates. */
  readonly strongMutations: number;
  /** Rates of generation 0 and of strong mutations. */
  readonly initialRates: MutationRates;
  readonly rates: MutationRates;
  /** Stop after this many generations without a better best; null = never. */
  readonly patience: number | null;
  /** Stop when this many different subnets have been judged; null = never. */
  readonly maxEvaluations: number | null;
}

/**
 * Method A with its published numbers: 100 + 50 · 100 candidates.
 * @source METHODS section 1.1
 */
export const methodAOptions: EvolveOptions = {
  population: 100,
  survivors: 10,
  generations: 50,
  mutations: 50,
  crossovers: 30,
  strongMutations: 20,
  initialRates: { depth: 0, ratio: 0.3, mask: 0.6 },
  rates: { depth: 0.1, ratio: 0.1, mask: 0.3 },
  keepShare: 0.8,
  maskNoise: 'uniform',
  ratioNoise: 0.5,
  ratioReach: 1,
  repairNoise: 0.5,
  patience: null,
  maxEvaluations: null,
};

/**
 * A search of 217 candidates for small budgets of time.
 *
 * Deviation: with so few candidates, masks drawn uniformly seldom beat the initial subnet. Here
 * ratios move by at most half of their range, and mask mutations swap few units, those whose scores
 * are close. On an additive toy loss with unknown sublayer sensitivities this removes about 40% of
 * the initial loss where the published draws remove 8% in as many evaluations.
 */
export const quickOptions: EvolveOptions = {
  ...methodAOptions,
  population: 24,
  survivors: 6,
  generations: 8,
  mutations: 10,
  crossovers: 6,
  strongMutations: 8,
  keepShare: 0.98,
  maskNoise: 0.3,
  ratioNoise: 0.1,
  ratioReach: 0.5,
};

/** Upper bound of every count: far above any search that ends, low enough to allocate. */
const MOST = 1_000_000;

/**
 * Checks options that a user may have written.
 * @throws EngineError  `config` naming the option that is impossible
 */
export function assertOptions(options: EvolveOptions): void {
  const { rates, initialRates: first } = options;
  const { maskNoise, ratioNoise, patience, maxEvaluations } = options;
  expectCount('population', options.population, 1);
  expectCount('survivors', options.survivors, 1);
  expectCount('generations', options.generations, 0);
  expectCount('mutations', options.mutations, 0);
  expectCount('crossovers', options.crossovers, 0);
  expectCount('strongMutations', options.strongMutations, 0);
  if (patience !== null) expectCount('patience', patience, 1);
  if (maxEvaluations !== null) expectCount('maxEvaluations', maxEvaluations, 1);
  expectNumber('rates', Math.min(rates.depth, rates.ratio, rates.mask), 0, 1);
  expectNumber('rates', Math.max(rates.depth, rates.ratio, rates.mask), 0, 1);
  expectNumber('initialRates', Math.min(first.depth, first.ratio, first.mask), 0, 1);
  expectNumber('initialRates', Math.max(first.depth, first.ratio, first.mask), 0, 1);
  expectNumber('keepShare', options.keepShare, 0, 1);
  expectNumber('ratioReach', options.ratioReach, 0, 1);
  expectNumber('repairNoise', options.repairNoise, 0, 10);
  if (maskNoise !== 'uniform') expectNumber('maskNoise', maskNoise, 0, 1000);
  if (ratioNoise !== 'uniform') expectNumber('ratioNoise', ratioNoise, 0, 1000);
}

function expectCount(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= MOST) return;
  throw impossible(name, `a whole number from ${least} to ${MOST}`, value);
}

function expectNumber(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw impossible(name, `a number from ${least} to ${most}`, value);
}

function impossible(name: string, expected: string, found: number): EngineError {
  return new EngineError('config', {
    ...misfit(`The search option "${name}"`, expected, `${found}`),
    action: 'Correct it, or leave it out to use the preset.',
  });
}
