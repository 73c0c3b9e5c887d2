import type { LayerStatistics } from '../calibration/statistics.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { energyScores } from '../importance/energy.ts';
import {
  type Attention,
  type Block,
  qkUnitCount,
  qkUnitsOf,
  queriesPerKey,
} from '../model/block.ts';
import { unitCosts } from '../model/cost.ts';
import { queryHeadsOf } from '../model/rows.ts';
import { emptyMask, type LayerMask } from '../model/subnet.ts';
import { qkRunsOf } from '../model/unitRuns.ts';
import { matrixOf } from '../numeric/matrix.ts';
import type { Solver } from '../runtime/solver.ts';
import type { BlockGrid, LevelKind } from './levelGrid.ts';
import { sweepLevels, type SweepProblem, type SweptLevel } from './sweep.ts';
import { rotateValues } from './valueBasis.ts';

/** Damping of the sweeps, a fraction of the mean Gram diagonal. */
const SWEEP_DAMPING = 1e-2;

/** Kinds of units whose levels hold refitted weights. */
export type RefittedKind = 'vo' | 'mlp';

/** The order in which units of a block are removed, first removed first. */
export interface RemovalOrders {
  /** Key/value head of each value dimension that goes; of a head, always the last that it has. */
  readonly vo: Uint32Array;
  /** head · units + unit */
  readonly qk: Uint32Array;
  /** Neurons. */
  readonly mlp: Uint32Array;
}

/** A block prepared for levels. */
export interface PreparedBlock {
  /** Of each kind, one for each width between the whole sublayer and none of it. */
  readonly levels: Readonly<Record<RefittedKind, readonly SweptLevel[]>>;
  /**
   * Of each level of query/key units: the share of the energy of the scores that is lost, as
   * `energyScores` counts it.
   */
  readonly qkErrors: readonly number[];
  /** The block with its values in another basis; it computes what it did. */
  readonly layer: LayerWeights;
  readonly orders: RemovalOrders;
}

/** What {@link prepareBlock} needs besides the block. */
export interface PrepareOptions {
  /** Of the block, for messages. */
  readonly index: number;
  readonly solver: Solver;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Works out the levels of one block from what flows through the dense one: value dimensions in the
 * basis that orders them, with o_proj refitted at each rank; neurons by structured OBS, with down_proj
 * refitted at each width; query/key units by the energy they add to the scores.
 *
 * Memory: the statistics twice, the levels in float64, and that of {@link sweepLevels}.
 * @param statistics  of the dense block; not changed
 * @throws EngineError `numeric`, `cancelled`
 */
export async function prepareBlock(
  original: LayerWeights,
  statistics: LayerStatistics,
  grid: BlockGrid,
  { index, solver, signal }: PrepareOptions,
): Promise<PreparedBlock> {
  const { block } = original;
  const { attention, hidden } = block;
  const { layer, context } = await rotateValues(original, statistics.context, solver, signal);
  const vo = await levelsOf(
    {
      what: `block ${index}, o_proj`,
      weight: matrixOf(Float64Array.from(layer.o.weight), context.rows, hidden),
      gram: context,
      units: valueUnits(attention),
      next: (isLeft) => lastOfHeads(attention, isLeft),
      counts: between(grid.vo),
      damping: SWEEP_DAMPING,
    },
    solver,
    signal,
  );
  const { width, gram } = statistics.hidden;
  const mlp = await levelsOf(
    {
      what: `block ${index}, down_proj`,
      weight: matrixOf(Float64Array.from(layer.down.weight), width, hidden),
      gram: matrixOf(gram, width, width),
      units: Array.from({ length: width }, (_, neuron) => Uint32Array.of(neuron)),
      counts: between(grid.mlp),
      damping: SWEEP_DAMPING,
    },
    solver,
    signal,
  );
  const scores = await energyScores(original, statistics, solver, signal);
  const qk = qkOrder(block, scores.qk);
  return {
    layer,
    levels: { vo, mlp },
    qkErrors: qkErrors(grid.qk, qk, scores.qk),
    orders: {
      vo: removalOrder(context.rows / queriesPerKey(attention), vo).map((unit) =>
        Math.floor(unit / attention.headDim),
      ),
      qk,
      mlp: removalOrder(width, mlp),
    },
  };
}

async function levelsOf(
  problem: SweepProblem,
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<SweptLevel[]> {
  const levels: SweptLevel[] = [];
  for await (const level of sweepLevels(problem, solver, signal)) levels.push(level);
  return levels;
}

/** Units in the order in which levels leave them out; those of the last level come last. */
function removalOrder(units: number, levels: readonly SweptLevel[]): Uint32Array {
  const order: number[] = [];
  let left: readonly number[] = Array.from({ length: units }, (_, unit) => unit);
  for (const level of levels) {
    const stays = new Set(level.units);
    order.push(...left.filter((unit) => !stays.has(unit)));
    left = [...level.units];
  }
  return Uint32Array.from([...order, ...left]);
}

/** The widths between the whole sublayer and none of it, for which weights are fitted. */
export function between(widths: readonly number[]): readonly number[] {
  return widths.slice(1, -1);
}

/** Inputs of o that each value dimension is: one of each query head of the group. */
export function valueUnits(attention: Attention): Uint32Array[] {
  const { kvHeads, headDim } = attention;
  return Array.from({ length: kvHeads * headDim }, (_, unit) => {
    const queries = queryHeadsOf(attention, Math.floor(unit / headDim));
    return Uint32Array.from(queries, (query) => query * headDim + (unit % headDim));
  });
}

/**
 * The last value dimension that is left of each head. The only one of a head stays, unless its
 * query/key dimensions can only go with it.
 */
function lastOfHeads(attention: Attention, isLeft: Uint8Array): number[] {
  const { kvHeads, headDim } = attention;
  const least = qkUnitsOf(attention).whole ? 0 : 1;
  return Array.from({ length: kvHeads }, (_, head) => {
    const left = isLeft.subarray(head * headDim, (head + 1) * headDim).lastIndexOf(1);
    return left < least ? -1 : head * headDim + left;
  }).filter((unit) => unit >= 0);
}

/**
 * Query/key units from the least score for its parameters on. The best unit of each head comes last,
 * because a head keeps one.
 */
function qkOrder(block: Block, scores: readonly Float64Array[]): Uint32Array {
  const costs = unitCosts(block);
  const units = scores[0]!.length;
  const worth = scores.flatMap((ofHead, head) => {
    const found = qkRunsOf(block.attention).flatMap((run) =>
      Array.from({ length: run.count }, (_, i) => {
        const unit = run.first + i;
        return { unit: head * units + unit, worth: ofHead[unit]! / costs[run.kind] };
      }),
    );
    found.sort((a, b) => a.worth - b.worth || a.unit - b.unit);
    return found.map((one, i) => ({ ...one, isBest: i === found.length - 1 }));
  });
  worth.sort((a, b) => Number(a.isBest) - Number(b.isBest) || a.worth - b.worth || a.unit - b.unit);
  return Uint32Array.from(worth, ({ unit }) => unit);
}

function qkErrors(
  widths: readonly number[],
  order: Uint32Array,
  scores: readonly Float64Array[],
): number[] {
  const units = scores[0]!.length;
  const worth = Array.from(order, (one) => scores[Math.floor(one / units)]![one % units]!);
  const total = worth.reduce((sum, one) => sum + one, 0) || 1;
  return widths.map((width) => {
    const removed = order.length - width;
    return worth.slice(0, removed).reduce((sum, one) => sum + one, 0) / total;
  });
}

/** The widths of a block's level, in units. */
export type LevelWidths = Readonly<Record<LevelKind, number>>;

/**
 * The mask of a block at some widths. Attention of no query/key unit or no value dimension is removed.
 */
export function levelMask(block: Block, orders: RemovalOrders, widths: LevelWidths): LayerMask {
  const { attention } = block;
  const units = qkUnitCount(attention);
  const mlp = orders.mlp.slice(orders.mlp.length - widths.mlp).sort();
  if (widths.vo === 0 || widths.qk === 0) return { ...emptyMask(attention.kvHeads), mlp };
  const qk = orders.qk.slice(orders.qk.length - widths.qk).sort();
  const ranks = new Uint32Array(attention.kvHeads);
  for (const head of orders.vo.subarray(orders.vo.length - widths.vo)) ranks[head]!++;
  return {
    mlp,
    heads: Array.from(ranks, (rank, head) => {
      const own = qk
        .filter((unit) => Math.floor(unit / units) === head)
        .map((unit) => unit % units);
      const isKept = rank > 0 && own.length > 0;
      return {
        qk: isKept ? own : new Uint32Array(0),
        vo: Uint32Array.from({ length: isKept ? rank : 0 }, (_, dim) => dim),
      };
    }),
  };
}
