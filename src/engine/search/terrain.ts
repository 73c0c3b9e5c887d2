import { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { type AttentionMasks, headOfTied, rankByScore, tiedScores } from '../subnet/select.ts';
import { denseMask, isPresent, type LayerScores } from '../model/subnet.ts';
import { type Block, blocksOf, qkUnitCount } from '../model/block.ts';
import { unitCosts } from '../model/cost.ts';
import { qkRunsOf } from '../model/unitRuns.ts';
import { equalIndices } from '../subnet/key.ts';
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
  /** Its units as the model numbers them, ascending, [units]: indices of masks and scores of the head. */
  readonly members: Uint32Array;
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
  /** [L][pools]: head by head, the MLP last; none of what a block does not have. */
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
  if (space.masks === 'tied') assertTied(blocks);
  const pools = scores.map((layer, l) => poolsOf(space, blocks[l]!, layer));
  // A block that was removed before can neither come nor go.
  const there = (l: number): boolean => pools[l]!.length > 0;
  const most = blockOrder.filter(there).length;
  const { depth } = space;
  return {
    ...problem,
    space: {
      ...space,
      depth: { least: Math.min(depth.least, most), most: Math.min(depth.most, most) },
    },
    blockOrder: blockOrder.filter(there),
    blocks,
    blockFixed: blocks.map(fixedParameters),
    pools,
  };
}

/** Parameters of what a block has besides its units. */
function fixedParameters(block: Block): number {
  const { attentionFixed, mlpFixed } = unitCosts(block);
  const dense = denseMask(block);
  return (
    (isPresent('attention', dense) ? attentionFixed : 0) + (isPresent('mlp', dense) ? mlpFixed : 0)
  );
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
  const dense = denseMask(block);
  const pools: Pool[] = [];
  for (const [head, { qk, vo }] of dense.heads.entries()) {
    const range = space.attention;
    const isTied = space.masks === 'tied';
    const all = isTied ? tiedScores(block.attention, scores, head) : scores.qk[head]!;
    for (const { kind, first, count, dims } of runs) {
      const cost = costs[kind] + (isTied ? dims * costs.vo : 0);
      const members = qk.filter((unit) => unit >= first && unit < first + count);
      pools.push(poolOf({ kind: isTied ? 'tied' : 'qk', head, members, cost, range }, all));
    }
    if (isTied) continue;
    const values = { kind: 'vo', head, members: vo, cost: costs.vo, range } as const;
    pools.push(poolOf(values, scores.vo[head]!));
  }
  const mlp = { kind: 'mlp', head: 0, members: dense.mlp, cost: costs.mlp } as const;
  pools.push(poolOf({ ...mlp, range: space.mlp }, scores.mlp));
  return pools.filter(({ units }) => units > 0);
}

/** @param all  scores that the members are places in */
function poolOf(
  given: Pick<Pool, 'kind' | 'head' | 'members' | 'cost' | 'range'>,
  all: Float64Array,
): Pool {
  const scores = Float64Array.from(given.members, (unit) => all[unit]!);
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

/** Under tied masks a value dimension stays with its query/key unit: what a model has must be so too. */
function assertTied(blocks: readonly Block[]): void {
  for (const [l, block] of blocks.entries()) {
    for (const [h, { qk, vo }] of denseMask(block).heads.entries()) {
      if (equalIndices(vo, headOfTied(block.attention, qk).vo)) continue;
      throw new EngineError('config', {
        what: 'Tied attention masks',
        expected: 'heads that have the same units under q/k and v/o',
        found: `other ones in block ${l}, head ${h}`,
        action: 'Set "attention" to "decoupled".',
        sentence: `Tied masks cannot be searched: head ${h} of block ${l} was pruned before and has other units under q/k than under v/o.`,
      });
    }
  }
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
