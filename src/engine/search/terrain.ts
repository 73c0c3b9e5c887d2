import { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { type AttentionMasks, rankByScore, tiedScores } from '../subnet/select.ts';
import type { LayerScores } from '../model/subnet.ts';
import { type Block, blocksOf, qkUnitCount } from '../model/block.ts';
import { unitCosts } from '../model/cost.ts';
import { qkRunsOf } from '../model/unitRuns.ts';
import { assertSpace, type RatioRange, type SearchSpace } from './space.ts';

/** What a search is about: a model, what may be chosen, what it is worth and what it may cost. */
export interface SearchProblem {
  readonly shape: ModelShape;
  readonly space: SearchSpace;
  /** Per block, [L]. */
  readonly scores: readonly LayerScores[];
  /** Block parameters every candidate has to spend. */
  readonly budget: number;
  /** All blocks, the first to be dropped first. */
  readonly blockOrder: readonly number[];
}

/** What a pool's units are; `tied` units carry a q/k unit and its value dimensions. */
export type PoolKind = 'tied' | 'qk' | 'vo' | 'mlp';

/**
 * Units of one block that compete under one ratio: the gene of the search.
 *
 * All units of a pool cost the same, so mutation and repair need only know how many are kept. A head
 * that is rotated in part has a pool of pairs and one of single dimensions.
 */
export interface Pool {
  readonly kind: PoolKind;
  /** Key/value head; 0 for the MLP. */
  readonly head: number;
  /** Index of its first unit among the units of that kind of the head. */
  readonly first: number;
  readonly units: number;
  /** Parameters of one unit. */
  readonly cost: number;
  readonly range: RatioRange;
  /** Fewest and most units the space allows; 1 ≤ least ≤ most ≤ units. */
  readonly least: number;
  readonly most: number;
  /** [units], finite */
  readonly scores: Float64Array;
  /** Natural logarithms of the scores, [units]; scores of 0 and below count as the least positive number. */
  readonly logScores: Float64Array;
  /** Place of each unit in the order from best to worst, [units]. */
  readonly rank: Uint32Array;
}

/** A search problem with its genes laid out. Derived once, shared by every candidate. */
export interface Terrain extends SearchProblem {
  /** [L] */
  readonly blocks: readonly Block[];
  /** Parameters a present block costs besides its units, [L]. */
  readonly blockFixed: readonly number[];
  /** [L][pools]: head by head, the MLP last. */
  readonly pools: readonly (readonly Pool[])[];
}

/**
 * Lays out the genes of a problem.
 * @throws EngineError  `config` for an impossible space or block order, `shape` for scores that do
 *   not fit the model, `numeric` for scores that are not finite
 */
export function terrainOf(problem: SearchProblem): Terrain {
  const { shape, space, scores, blockOrder } = problem;
  assertSpace(space, shape.layers);
  assertOrder(blockOrder, shape.layers);
  const blocks = blocksOf(shape);
  assertScores(blocks, scores);
  return {
    ...problem,
    blocks,
    blockFixed: blocks.map((block) => {
      const { attentionFixed, mlpFixed } = unitCosts(block);
      return attentionFixed + mlpFixed;
    }),
    pools: scores.map((layer, l) => poolsOf(space, blocks[l]!, layer)),
  };
}

/** The cut of the published code: the last block is dropped first. */
export function tailFirst(layers: number): number[] {
  return Array.from({ length: layers }, (_, i) => layers - 1 - i);
}

/** A space that allows everything: what controls and initial subnets are drawn from. */
export function openSpace(layers: number, masks: AttentionMasks): SearchSpace {
  const anything: RatioRange = { least: 0, most: 1, step: 0.01 };
  return { masks, attention: anything, mlp: anything, depth: { least: 1, most: layers } };
}

function poolsOf(space: SearchSpace, block: Block, scores: LayerScores): Pool[] {
  const costs = unitCosts(block);
  const runs = qkRunsOf(block.attention);
  const pools: Pool[] = [];
  for (let head = 0; head < block.attention.kvHeads; head++) {
    const range = space.attention;
    const isTied = space.masks === 'tied';
    const all = isTied ? tiedScores(block.attention, scores, head) : scores.qk[head]!;
    for (const { kind, first, count, dims } of runs) {
      const cost = costs[kind] + (isTied ? dims * costs.vo : 0);
      const own = all.subarray(first, first + count);
      pools.push(poolOf({ kind: isTied ? 'tied' : 'qk', head, first, cost, range }, own));
    }
    if (isTied) continue;
    pools.push(poolOf({ kind: 'vo', head, first: 0, cost: costs.vo, range }, scores.vo[head]!));
  }
  const mlp = { kind: 'mlp', head: 0, first: 0, cost: costs.mlp, range: space.mlp } as const;
  pools.push(poolOf(mlp, scores.mlp));
  return pools;
}

function poolOf(
  given: Pick<Pool, 'kind' | 'head' | 'first' | 'cost' | 'range'>,
  scores: Float64Array,
): Pool {
  const units = scores.length;
  // A present block keeps at least one unit of everything; whole blocks leave by the depth gene.
  const least = Math.max(1, Math.round(given.range.least * units));
  const most = Math.max(least, Math.round(given.range.most * units));
  const rank = new Uint32Array(units);
  rankByScore(scores).forEach((unit, place) => (rank[unit] = place));
  const logScores = scores.map((score) => Math.log(Math.max(score, Number.MIN_VALUE)));
  return { ...given, units, least, most, scores, logScores, rank };
}

function assertOrder(order: readonly number[], layers: number): void {
  const legal = new Set(order);
  const inRange = order.every((block) => Number.isInteger(block) && block >= 0 && block < layers);
  if (order.length === layers && legal.size === layers && inRange) return;
  throw new EngineError('config', {
    what: 'Block order',
    expected: `each of the ${layers} blocks once`,
    found: `[${order.slice(0, 20).join(', ')}]`,
    action: 'List every block from 0 up, the first to be dropped first.',
    sentence: `The block order does not list each of the ${layers} blocks once: [${order.slice(0, 20).join(', ')}].`,
  });
}

function assertScores(blocks: readonly Block[], scores: readonly LayerScores[]): void {
  expectLength('scores', blocks.length, scores.length);
  for (const [l, { attention, mlp }] of blocks.entries()) {
    const layer = scores[l]!;
    const units = qkUnitCount(attention);
    expectLength(`scores[${l}].qk`, attention.kvHeads, layer.qk.length);
    expectLength(`scores[${l}].vo`, attention.kvHeads, layer.vo.length);
    layer.qk.forEach((qk, h) => expectScores(`scores[${l}].qk[${h}]`, units, qk));
    layer.vo.forEach((vo, h) => expectScores(`scores[${l}].vo[${h}]`, attention.headDim, vo));
    expectScores(`scores[${l}].mlp`, mlp.intermediate, layer.mlp);
  }
}

function expectScores(path: string, length: number, scores: Float64Array): void {
  expectLength(path, length, scores.length);
  const bad = scores.findIndex((score) => !Number.isFinite(score));
  if (bad < 0) return;
  throw new EngineError('numeric', {
    what: `Importance ${path}[${bad}]`,
    expected: 'a finite score',
    found: `${scores[bad]}`,
    action: 'Check the weights and the calibration text for NaN or overflow.',
    sentence: `The importance ${path}[${bad}] is ${scores[bad]}, not a finite number.`,
  });
}

function expectLength(path: string, expected: number, found: number): void {
  if (found === expected) return;
  throw new EngineError('shape', {
    what: `Importance ${path}`,
    expected: `${expected} entries`,
    found: `${found}`,
    action: 'Score the same model that is searched.',
    sentence: `The importance ${path} has ${found} entries, but the model needs ${expected}.`,
  });
}
