import { EngineError } from '../../protocol/errors.ts';
import { qkUnitsPerHead, type ModelShape } from '../model/modelShape.ts';
import {
  type AttentionMasks,
  rankByScore,
  tiedScores,
  valueDimsPerTiedUnit,
} from '../subnet/select.ts';
import type { LayerScores } from '../model/subnet.ts';
import { type Block, blocksOf } from '../model/block.ts';
import { qkUnitCost, unitCosts } from '../model/cost.ts';
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
 * All units of a pool cost the same, so mutation and repair need only know how many are kept.
 */
export interface Pool {
  readonly kind: PoolKind;
  /** Key/value head; 0 for the MLP. */
  readonly head: number;
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
  /** Parameters a present block costs besides its units, [L]. */
  readonly blockFixed: readonly number[];
  /** [L][pools]; every block has the same kinds in the same order. */
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
  assertScores(shape, scores);
  const blocks = blocksOf(shape);
  return {
    ...problem,
    blockFixed: blocks.map((block) => {
      const { attentionFixed, mlpFixed } = unitCosts(block);
      return attentionFixed + mlpFixed;
    }),
    pools: scores.map((layer, l) => poolsOf(shape, space, blocks[l]!, layer)),
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

function poolsOf(shape: ModelShape, space: SearchSpace, block: Block, scores: LayerScores): Pool[] {
  const { attention, mlp } = space;
  const costs = unitCosts(block);
  const qk = qkUnitCost(block, costs);
  const pools: Pool[] = [];
  for (let head = 0; head < shape.kvHeads; head++) {
    if (space.masks === 'tied') {
      const cost = qk + valueDimsPerTiedUnit(shape) * costs.vo;
      pools.push(pool('tied', head, cost, attention, tiedScores(shape, scores, head)));
    } else {
      pools.push(pool('qk', head, qk, attention, scores.qk[head]!));
      pools.push(pool('vo', head, costs.vo, attention, scores.vo[head]!));
    }
  }
  pools.push(pool('mlp', 0, costs.mlp, mlp, scores.mlp));
  return pools;
}

function pool(
  kind: PoolKind,
  head: number,
  cost: number,
  range: RatioRange,
  scores: Float64Array,
): Pool {
  const units = scores.length;
  // A present block keeps at least one unit of everything; whole blocks leave by the depth gene.
  const least = Math.max(1, Math.round(range.least * units));
  const most = Math.max(least, Math.round(range.most * units));
  const rank = new Uint32Array(units);
  rankByScore(scores).forEach((unit, place) => (rank[unit] = place));
  const logScores = scores.map((score) => Math.log(Math.max(score, Number.MIN_VALUE)));
  return { kind, head, units, cost, range, least, most, scores, logScores, rank };
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

function assertScores(shape: ModelShape, scores: readonly LayerScores[]): void {
  expectLength('scores', shape.layers, scores.length);
  for (const [l, layer] of scores.entries()) {
    expectLength(`scores[${l}].qk`, shape.kvHeads, layer.qk.length);
    expectLength(`scores[${l}].vo`, shape.kvHeads, layer.vo.length);
    layer.qk.forEach((qk, h) => expectScores(`scores[${l}].qk[${h}]`, qkUnitsPerHead(shape), qk));
    layer.vo.forEach((vo, h) => expectScores(`scores[${l}].vo[${h}]`, shape.headDim, vo));
    expectScores(`scores[${l}].mlp`, shape.intermediate, layer.mlp);
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
