import { type Block, blockOf, type LinearName } from '../model/block.ts';
import { walk, type WalkRequest } from '../passes/walk.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';
import { countParameters } from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { denseSubnet, type LayerMask } from '../model/subnet.ts';
import { type BlockFormat, SCALE_BYTES } from './blockFormat.ts';
import type { PackedWeight } from './packedWeight.ts';
import type { MapRows, QuantisedModel } from './quantisedModel.ts';
import { quantiseSublayer } from './quantiseSublayer.ts';

/** What {@link quantiseModel} needs. */
export interface QuantiseRequest extends Omit<WalkRequest, 'reference' | 'copies'> {
  readonly gemm: SolverGemm;
  readonly format: BlockFormat;
  /** The order in which a decoder stores what a mask keeps of a block. */
  readonly layoutOf: (block: Block, mask: LayerMask) => MapRows;
}

/**
 * Rounds the linear maps of a candidate's blocks to integers, block by block, each on the inputs that
 * the already rounded blocks before it give it. Embedding, head, norms and biases stay as they are.
 *
 * Memory: {@link quantiseBytes}.
 * @returns  the same integers each time it is asked on one machine
 * @throws EngineError `numeric` for activations that are not finite, `cancelled`
 */
export async function quantiseModel(request: QuantiseRequest): Promise<QuantisedModel> {
  const { weights, format } = request;
  const packed = request.subnet.layers.map((): Partial<Record<LinearName, PackedWeight>> => ({}));
  const [made] = await walk(request, {
    async visit(here) {
      const rows = request.layoutOf(blockOf(weights.shape, here.index), here.mask);
      const rounded = await quantiseSublayer(request, here, rows);
      Object.assign(packed[here.index]!, rounded.packed);
      return { maps: [rounded.maps] };
    },
  });
  return { format, weights: made!, layers: packed };
}

/**
 * Peak bytes of {@link quantiseModel} beside the source's weights: the result, two residual streams of
 * all tokens, and of the largest sublayer the float64 Gram matrices of both inputs (that of o or down
 * also in the order of the decoder, and its factor), the float32 product of a batch, and the map in
 * work with what is left of it.
 */
export function quantiseBytes(shape: ModelShape, format: BlockFormat, tokens: number): number {
  const { hidden, heads, headDim, intermediate } = shape;
  const width = Math.max(heads * headDim, intermediate);
  const grams = 8 * (2 * hidden ** 2 + 3 * width ** 2) + 4 * width ** 2;
  return quantisedBytes(shape, format) + 8 * tokens * hidden + grams + 16 * width * hidden;
}

/** Bytes of a quantised model beside the source's weights: values that its integers stand for, and these. */
export function quantisedBytes(shape: ModelShape, { bits, blockSize }: BlockFormat): number {
  const { denseBlock } = countParameters(shape, denseSubnet(shape));
  return denseBlock * (4 + bits / 8 + SCALE_BYTES / blockSize);
}
