import { EngineError } from '../../protocol/errors.ts';
import type { Origin as AnyOrigin } from '../../protocol/runWords.ts';
import type { EncodedGenome } from './genome.ts';

/** How a candidate came to be. */
export type Origin = Exclude<AnyOrigin, 'switch'>;

const ORIGINS: readonly unknown[] = [
  'initial',
  'mutation',
  'crossover',
  'strong',
] satisfies Origin[];

/** A fitness as JSON can hold it: lower is better; null = not finite, worse than any number. */
export type Fitness = number | null;

/** Where a candidate stands in the history of the search. */
export interface Ancestry {
  /** Subnet key. */
  readonly key: string;
  readonly fitness: Fitness;
  /** Subnet keys: none, one or two. */
  readonly parents: readonly string[];
  /** Generation. */
  readonly born: number;
  readonly how: Origin;
}

/** A candidate that lives on, with all it takes to breed from it. */
export interface Survivor extends Ancestry {
  readonly genome: EncodedGenome;
}

/** A child of the last generation. */
export interface Judgement extends Ancestry {
  /** True when an equal subnet had been judged before, so that nothing was evaluated. */
  readonly repeated: boolean;
}

/** The best of a generation, for curves and for stopping. */
export interface BestPoint {
  readonly generation: number;
  readonly fitness: Fitness;
  /** Different subnets judged so far. */
  readonly evaluations: number;
}

/**
 * Everything a search is after a generation, as plain JSON. Continuing from it gives the very run
 * that an uninterrupted search would have been.
 */
export interface GenerationState {
  readonly seed: number;
  readonly generation: number;
  /** Best first. */
  readonly survivors: readonly Survivor[];
  /** The generation's children in the order they were bred. */
  readonly evaluated: readonly Judgement[];
  /** Every subnet judged so far, in the order first met. */
  readonly known: readonly (readonly [key: string, fitness: Fitness])[];
  readonly bestHistory: readonly BestPoint[];
}

/**
 * Checks that JSON from disk has the form of a state. The genomes in it are checked when the
 * search decodes them.
 * @param value  parsed JSON, not trusted
 * @returns the value itself
 * @throws EngineError  `decode` naming the path of the first fault
 */
export function decodeState(value: unknown): GenerationState {
  const state = fields(value, 'state');
  expect(Number.isSafeInteger(state.seed), 'state.seed', 'a whole number');
  expect(isCount(state.generation), 'state.generation', 'a whole number from 0');
  list(state.survivors, 'state.survivors').forEach((survivor, i) => {
    const path = `state.survivors[${i}]`;
    const { genome } = ancestry(survivor, path);
    const { dropped, layers } = fields(genome, `${path}.genome`);
    list(dropped, `${path}.genome.dropped`);
    list(layers, `${path}.genome.layers`);
  });
  expect(list(state.survivors, '').length > 0, 'state.survivors', 'at least one survivor');
  list(state.evaluated, 'state.evaluated').forEach((child, i) => {
    const { repeated } = ancestry(child, `state.evaluated[${i}]`);
    expect(typeof repeated === 'boolean', `state.evaluated[${i}].repeated`, 'true or false');
  });
  list(state.known, 'state.known').forEach((entry, i) => {
    const [key, fitness] = list(entry, `state.known[${i}]`);
    expect(typeof key === 'string', `state.known[${i}][0]`, 'a subnet key');
    expect(isFitness(fitness), `state.known[${i}][1]`, 'a number or null');
  });
  const history = list(state.bestHistory, 'state.bestHistory');
  expect(history.length > 0, 'state.bestHistory', 'at least one entry');
  history.forEach((point, i) => {
    const path = `state.bestHistory[${i}]`;
    const { generation, fitness, evaluations } = fields(point, path);
    const legal = isCount(generation) && isFitness(fitness) && isCount(evaluations);
    expect(legal, path, 'a generation, a fitness and a number of evaluations');
  });
  return value as GenerationState;
}

function ancestry(value: unknown, path: string): Record<string, unknown> {
  const record = fields(value, path);
  expect(typeof record.key === 'string', `${path}.key`, 'a subnet key');
  expect(isFitness(record.fitness), `${path}.fitness`, 'a number or null');
  const parents = list(record.parents, `${path}.parents`);
  expect(parents.length <= 2, `${path}.parents`, 'at most two subnet keys');
  expect(
    parents.every((key) => typeof key === 'string'),
    `${path}.parents`,
    'subnet keys',
  );
  expect(isCount(record.born), `${path}.born`, 'a whole number from 0');
  expect(ORIGINS.includes(record.how), `${path}.how`, `one of ${ORIGINS.join(', ')}`);
  return record;
}

function fields(value: unknown, path: string): Record<string, unknown> {
  expect(typeof value === 'object' && value !== null && !Array.isArray(value), path, 'an object');
  return value as Record<string, unknown>;
}

function list(value: unknown, path: string): readonly unknown[] {
  expect(Array.isArray(value), path, 'an array');
  return value as readonly unknown[];
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isFitness(value: unknown): boolean {
  return value === null || Number.isFinite(value);
}

function expect(legal: boolean, path: string, expected: string): void {
  if (legal) return;
  throw new EngineError('decode', {
    what: `Search state, ${path}`,
    expected,
    found: 'something else',
    action: 'Resume from an earlier generation, or start the search again.',
    sentence: `The state of the search is damaged: ${path} does not hold ${expected}.`,
  });
}
