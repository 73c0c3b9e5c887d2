import type { LayerStatistics } from '../calibration/statistics.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { energyScores } from '../importance/energy.ts';
import { type Attention, type Block, qkUnitCount, qkUnitsOf } from '../model/block.ts';
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

/** The order in which units of a block are removed, first removed first. */
export interface RemovalOrders {
  /** Key/value head of each value dimension that goes; of a head, always the last that it has. */
  readonly vo: Uint32Array;
  /** head · units + unit */
  readonly qk: Uint32Array;
  /** Neurons. */
  readonly mlp: Uint32Array;
}

/** Receives a level of an output map once it is fitted. */
export type OnLevel = (
  kind: 'vo' | 'mlp',
  width: number,
  level: SweptLevel,
) => Promise<void> | void;

/** A block prepared for levels. */
export interface PreparedBlock {
  /**
   * Of each level of query/key units: the share of the energy of the scores that is lost, as
   * `energyScores` counts it.
   */
  readonly qkErrors: readonly number[];
  /** The block with its values in another basis; it computes what it did. */
  readonly layer: LayerWeights;
  readonly orders: RemovalOrders;
}

/**
 * Works out the levels of one block from what flows through the dense one: value dimensions in the
 * basis that orders them, with o_proj refitted at each rank; neurons by structured OBS, with down_proj
 * refitted at each width; query/key units by the energy they add to the scores.
 *
 * Memory: the statistics twice, and that of {@link sweepLevels}.
 * @param statistics  of the dense block; not changed
 * @param onLevel  told each level that lies between the whole sublayer and none of it
 * @throws EngineError `numeric`, `cancelled`
 */
export async function prepareBlock(
  original: LayerWeights,
  statistics: LayerStatistics,
  grid: BlockGrid,
  {
    index,
    solver,
    onLevel,
    signal,
  }: {
    readonly index: number;
    readonly solver: Solver;
    readonly onLevel: OnLevel;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<PreparedBlock> {
  const { block } = original;
  const { attention, hidden } = block;
  const { layer, context } = await rotateValues(original, statistics.context, solver, signal);
  const vo = await sweep(
    {
      what: `block ${index}, o_proj`,
      weight: matrixOf(Float64Array.from(layer.o.weight), context.rows, hidden),
      gram: context,
      units: valueUnits(attention),
      next: (isLeft) => lastOfHeads(attention, isLeft),
      counts: between(grid.vo),
      damping: SWEEP_DAMPING,
    },
    'vo',
  );
  const { width, gram } = statistics.hidden;
  const mlp = await sweep(
    {
      what: `block ${index}, down_proj`,
      weight: matrixOf(Float64Array.from(layer.down.weight), width, hidden),
      gram: matrixOf(gram, width, width),
      units: Array.from({ length: width }, (_, neuron) => Uint32Array.of(neuron)),
      counts: between(grid.mlp),
      damping: SWEEP_DAMPING,
    },
    'mlp',
  );
  const scores = await energyScores(original, statistics, solver, signal);
  const qk = qkOrder(block, scores.qk);
  return {
    layer,
    qkErrors: qkErrors(grid.qk, qk, scores.qk),
    orders: {
      vo: vo.map((unit) => Math.floor(unit / attention.headDim)),
      qk,
      mlp,
    },
  };

  async function sweep(problem: SweepProblem, kind: 'vo' | 'mlp'): Promise<Uint32Array> {
    const order: number[] = [];
    let left: Uint32Array = Uint32Array.from(problem.units.keys());
    for await (const level of sweepLevels(problem, solver, signal)) {
      order.push(...removedOf(left, level.units));
      left = level.units;
      await onLevel(kind, left.length, level);
    }
    return Uint32Array.from([...order, ...left]);
  }
}

/** The widths between the whole sublayer and none of it, for which weights are fitted. */
export function between(widths: readonly number[]): readonly number[] {
  return widths.slice(1, -1);
}

/** Inputs of o that each value dimension is: one of each query head of the group. */
function valueUnits(attention: Attention): Uint32Array[] {
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

function removedOf(before: Uint32Array, after: Uint32Array): number[] {
  const stays = new Set(after);
  return [...before].filter((unit) => !stays.has(unit));
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
