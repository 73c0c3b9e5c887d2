import { collectStatistics } from '../calibration/collect.ts';
import type { LayerStatistics } from '../calibration/statistics.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { ChangedWeights, type MapChanges, type WeightSource } from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import { energyScores } from '../importance/energy.ts';
import { valueUnits } from '../levels/blockLevels.ts';
import { sweepLevels, type SweepProblem, type SweptLevel } from '../levels/sweep.ts';
import { type Attention, blocksOf, qkUnitCount } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerMask, LayerScores } from '../model/subnet.ts';
import { qkRunsOf, unitsInRun } from '../model/unitRuns.ts';
import { matrixOf } from '../numeric/matrix.ts';
import type { Solver } from '../runtime/solver.ts';
import { initialSubnet } from '../search/baseline.ts';
import { keepBest } from '../subnet/select.ts';
import { narrowed, type StructuredCandidate } from './structuredSubnet.ts';

/** What {@link uniformObcSubnet} needs. */
export interface UniformObcRequest {
  readonly forward: Runner;
  readonly solver: Solver;
  readonly weights: WeightSource;
  /** Calibration windows grouped into batches. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /** Block parameters. */
  readonly budget: number;
  /** λ of the Gram matrices, a fraction of their mean diagonal. */
  readonly damping: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The uniform subnet by structured OBS: every block, head and MLP keeps the same share. Neurons and
 * value dimensions go in the order in which their removal costs the least output of down and o, which
 * are updated in closed form with each step; query/key units by the energy they add to the scores.
 * All statistics are those of the dense model.
 *
 * Memory: the statistics of one block, the sweep of one map (see {@link sweepLevels}), and o and down
 * of all blocks once more.
 * @throws EngineError `budget` when no subnet has it; `numeric`, `cancelled`
 * @source Frantar and Alistarh 2022, Optimal Brain Compression (arXiv 2208.11580), for whole units as
 *   in Kurtic et al. 2023, ZipLM (arXiv 2302.04089), without its choice of widths
 */
export async function uniformObcSubnet(request: UniformObcRequest): Promise<StructuredCandidate> {
  const { forward, weights, batches, budget, signal } = request;
  const { shape } = weights;
  const widths = initialSubnet({ shape, masks: 'decoupled', budget }, equalScores(shape)).layers;
  const layers: LayerMask[] = [];
  const changes = new Map<number, MapChanges>();
  await collectStatistics(
    forward,
    weights,
    batches,
    async ({ layer: index, weights: layer, statistics }) => {
      const found = await narrowBlock(request, { index, layer, statistics }, widths[index]!);
      layers.push(found.mask);
      changes.set(index, found.maps);
    },
    signal,
  );
  return narrowed(new ChangedWeights(weights, changes), { layers });
}

/** Scores under which only a pool's size says how many of its units stay. */
function equalScores(shape: ModelShape): LayerScores[] {
  return blocksOf(shape).map(({ attention, mlp }) => ({
    qk: Array.from({ length: attention.kvHeads }, () => new Float64Array(qkUnitCount(attention))),
    vo: Array.from({ length: attention.kvHeads }, () => new Float64Array(attention.headDim)),
    mlp: new Float64Array(mlp.intermediate),
  }));
}

interface DenseBlock {
  readonly index: number;
  readonly layer: LayerWeights;
  readonly statistics: LayerStatistics;
}

async function narrowBlock(
  request: UniformObcRequest,
  { index, layer, statistics }: DenseBlock,
  widths: LayerMask,
): Promise<{ readonly mask: LayerMask; readonly maps: MapChanges }> {
  const { solver, damping, signal } = request;
  const { attention, hidden } = layer.block;
  const { context, hidden: neurons } = statistics;
  const swept = (problem: Omit<SweepProblem, 'damping'>): Promise<SweptLevel> =>
    onlyLevel(sweepLevels({ ...problem, damping }, solver, signal));
  const vo = await swept({
    what: `block ${index}, o_proj`,
    weight: matrixOf(Float64Array.from(layer.o.weight), context.width, hidden),
    gram: matrixOf(context.gram, context.width, context.width),
    units: valueUnits(attention),
    next: (isLeft) => removableValues(attention, isLeft, widths),
    counts: [widths.heads.reduce((sum, head) => sum + head.vo.length, 0)],
    // Several at once could leave a head with less than its width.
    unitsPerStep: 1,
  });
  const mlp = await swept({
    what: `block ${index}, down_proj`,
    weight: matrixOf(Float64Array.from(layer.down.weight), neurons.width, hidden),
    gram: matrixOf(neurons.gram, neurons.width, neurons.width),
    units: Array.from({ length: neurons.width }, (_, neuron) => Uint32Array.of(neuron)),
    counts: [widths.mlp.length],
  });
  const { qk } = await energyScores(layer, statistics, solver, signal);
  const { headDim } = attention;
  const heads = widths.heads.map((width, head) => ({
    qk: bestOfRuns(attention, qk[head]!, width.qk),
    vo: vo.units
      .filter((unit) => Math.floor(unit / headDim) === head)
      .map((unit) => unit % headDim),
  }));
  return {
    mask: { heads, mlp: mlp.units },
    maps: { o: withRows(layer.o, vo), down: withRows(layer.down, mlp) },
  };
}

/** The one level of a sweep that was asked for one. */
async function onlyLevel(levels: AsyncGenerator<SweptLevel>): Promise<SweptLevel> {
  for await (const level of levels) return level;
  throw new RangeError('A sweep gave no level.');
}

/** Value dimensions of the heads that still have more than their width. */
function removableValues(
  { headDim }: Attention,
  isLeft: Uint8Array,
  { heads }: LayerMask,
): number[] {
  return heads.flatMap(({ vo }, head) => {
    const own = [...isLeft.subarray(head * headDim, (head + 1) * headDim).keys()]
      .map((dim) => head * headDim + dim)
      .filter((unit) => isLeft[unit] === 1);
    return own.length > vo.length ? own : [];
  });
}

/** The best query/key units of a head, as many of each kind as the widths have. */
function bestOfRuns(attention: Attention, scores: Float64Array, widths: Uint32Array): Uint32Array {
  const kept = qkRunsOf(attention).flatMap((run) => {
    const { first, count } = run;
    const best = keepBest(scores.subarray(first, first + count), unitsInRun(run, widths).length);
    return [...best].map((unit) => first + unit);
  });
  return Uint32Array.from(kept).sort();
}

/** An output map with the fitted rows of a level; the others are in no use. */
function withRows({ weight, bias }: Linear, { inputs, weight: fitted }: SweptLevel): Linear {
  const { columns } = fitted;
  const out = new Float32Array(weight.length);
  inputs.forEach((input, row) => {
    out.set(fitted.data.subarray(row * columns, (row + 1) * columns), input * columns);
  });
  return { weight: out, bias };
}
