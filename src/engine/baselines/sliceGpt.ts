import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import {
  blockOf,
  blocksOf,
  isOutputMap,
  type LinearName,
  mapOf,
  type SublayerKind,
} from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { sublayerRows } from '../model/rows.ts';
import { denseMask, denseSubnet } from '../model/subnet.ts';
import { symmetricEigen } from '../numeric/eigen.ts';
import { matrixOf, rowsOf } from '../numeric/matrix.ts';
import type { Solver } from '../runtime/solver.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { EngineError, misfit } from '../../protocol/errors.ts';
import { SlicedStream } from './slicedStream.ts';
import type { StructuredCandidate } from './structuredSubnet.ts';

/** What {@link sliceGptModel} needs. */
export interface SliceGptRequest {
  readonly forward: Runner;
  readonly solver: Solver;
  readonly weights: WeightSource;
  /** Calibration windows grouped into batches. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /** Block parameters. */
  readonly budget: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * SliceGPT: the residual stream before every sublayer keeps its first principal directions, found one
 * sublayer after the other on the stream that the slices before give. Gains of norms are absorbed by
 * the maps behind them, embedding and maps lose the other directions, and the stream is turned from
 * one basis to the next by a matrix per sublayer, which counts among the block parameters. The stream
 * in front of the output head stays whole, as is the default of the published code.
 *
 * Deviation: the model is not rewritten, but computed as it was with the stream projected before each
 * sublayer, which gives the same numbers; and where the budget allows it, the first sublayers have a
 * direction more than the last, which is published for chosen sizes only.
 *
 * Memory: the residual streams of all tokens before and after a sublayer, and a matrix [H, H] in
 * float32 for every sublayer.
 * @returns  the dense weights with the projections of their stream
 * @throws EngineError `config` for a model whose stream cannot be turned, `budget`, `cancelled`
 * @source Ashkboos et al. 2024 (SliceGPT, arXiv 2401.15024)
 */
export async function sliceGptModel(request: SliceGptRequest): Promise<StructuredCandidate> {
  const { forward, solver, weights, batches, budget, signal } = request;
  const { shape } = weights;
  expectTurnable(shape);
  const widths = slicedWidths(shape, budget);
  const projections: Float32Array[] = [];
  const stream = new SlicedStream(forward, async (sublayer, states) => {
    const found = await principalProjection(states, widths[sublayer]!, { forward, solver, signal });
    projections.push(found);
    return found;
  });
  const subnet = denseSubnet(shape);
  const embedded = await stream.embed(weights, batches);
  stream.release(await stream.through(weights, subnet, embedded, { signal }));
  return { weights, subnet, blockParams: slicedParameters(shape, widths), projections };
}

/**
 * Directions that the stream keeps before each sublayer: of all as many as the budget allows, and of
 * the first ones one more while that is within it.
 * @param budget  block parameters
 * @returns  [2L], 1 to H
 * @throws EngineError `budget` when one direction is too much
 */
export function slicedWidths(shape: ModelShape, budget: number): number[] {
  const { layers, hidden } = shape;
  const widths = new Array<number>(2 * layers).fill(0);
  const isWithin = (): boolean => slicedParameters(shape, widths) <= budget;
  let [low, high] = [0, hidden + 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    widths.fill(middle);
    if (isWithin()) low = middle;
    else high = middle;
  }
  widths.fill(low);
  if (low === 0) throw tooSmall(budget);
  for (let i = 0; low < hidden && i < widths.length; i++) {
    widths[i]!++;
    if (!isWithin()) widths[i]!--;
  }
  return widths;
}

/**
 * Block parameters of a model whose stream has some directions before each sublayer: what is left of
 * its maps and biases, and the matrices that turn the stream from one basis into the next.
 * @param widths  [2L]; behind the last sublayer the stream is whole
 */
export function slicedParameters(shape: ModelShape, widths: readonly number[]): number {
  let count = 0;
  for (const [l, block] of blocksOf(shape).entries()) {
    const mask = denseMask(block);
    for (const [i, kind] of (['attention', 'mlp'] as const).entries()) {
      const before = widths[2 * l + i]!;
      const behind = widths[2 * l + i + 1] ?? shape.hidden;
      for (const [name, rows] of Object.entries(sublayerRows(block, kind, mask))) {
        const isOutput = isOutputMap(name as LinearName);
        count += rows.length * (isOutput ? behind : before);
        if (mapOf(block, name as LinearName)!.bias) count += isOutput ? behind : rows.length;
      }
      count += before * behind;
    }
  }
  return count;
}

/**
 * The projection onto the principal directions of a stream, of its second moments about zero.
 * @param states  per batch, [B, T, H]
 * @returns  V·Vᵀ of the first eigenvectors V, [H, H]
 */
async function principalProjection(
  states: readonly Tensor[],
  directions: number,
  { forward, solver, signal }: Pick<SliceGptRequest, 'forward' | 'solver' | 'signal'>,
): Promise<Float32Array> {
  const { hidden } = forward.shape;
  const gram = new Float64Array(hidden ** 2);
  for (const state of states) {
    const x = await forward.host(state);
    await forward.moments.addCross(gram, x, x, x.length / hidden);
  }
  const { vectors } = symmetricEigen(matrixOf(gram, hidden, hidden));
  const kept = rowsOf(vectors, 0, directions);
  const { data } = await solver.multiply(kept, kept, signal, { a: true });
  return Float32Array.from(data);
}

/** @throws EngineError `config` for a model whose norms or blocks do not let its stream be turned */
function expectTurnable(shape: ModelShape): void {
  const isTurnable = (kind: SublayerKind, index: number): boolean => {
    const block = blockOf(shape, index);
    const { before, after, behind } = block[kind].norms;
    const isPlain = before?.kind === 'rms' && after === null && behind === null;
    return isPlain && block.residual === 'sequential';
  };
  const indices = Array.from({ length: shape.layers }, (_, index) => index);
  if (indices.every((index) => isTurnable('attention', index) && isTurnable('mlp', index))) return;
  throw new EngineError('config', {
    ...misfit('SliceGPT', 'RMS norms in front of sequential sublayers only', shape.family),
    action: 'Leave this method out.',
    sentence: `SliceGPT turns the residual stream, which RMS norms in front of sequential sublayers allow and the blocks of ${shape.family} do not.`,
  });
}

function tooSmall(budget: number): EngineError {
  return new EngineError('budget', {
    ...misfit('SliceGPT', 'a budget for at least one direction of the stream', `${budget}`),
    action: 'Choose a larger ratio.',
    sentence: `SliceGPT cannot keep one direction of the residual stream within ${budget} block parameters.`,
  });
}
