import { type Block, blockOf, type LinearName } from '../model/block.ts';
import type { LayerMask } from '../model/subnet.ts';
import { walk, type WalkRequest } from '../passes/walk.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';
import type { BlockFormat } from './blockFormat.ts';
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
 * Memory: the residual streams of all calibration tokens, and one sublayer's Gram matrices.
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
