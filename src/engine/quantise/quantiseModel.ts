import type { LayerWeights, ModelWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { type Block, blockOf, type LinearName, type SublayerKind } from '../model/block.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';
import type { BlockFormat } from './blockFormat.ts';
import type { PackedWeight } from './packedWeight.ts';
import type { MapRows, PackedLayer, QuantisedModel } from './quantisedModel.ts';
import { quantiseSublayer } from './quantiseSublayer.ts';

/** What {@link quantiseModel} needs. */
export interface QuantiseRequest {
  readonly forward: ForwardPass;
  readonly gemm: SolverGemm;
  readonly weights: ModelWeights;
  readonly subnet: Subnet;
  readonly format: BlockFormat;
  /** Calibration windows grouped into batches. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /** The order in which a decoder stores what a mask keeps. */
  readonly layoutOf: (block: Block, mask: LayerMask) => MapRows;
  readonly signal?: AbortSignal | undefined;
  /** Told the sublayers done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
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
  const { forward, weights, subnet, batches, signal } = request;
  let states = batches.map((batch) => forward.embed(weights, batch));
  const layers: LayerWeights[] = [];
  const packed: PackedLayer[] = [];
  const total = 2 * weights.layers.length;
  for (const [l, original] of weights.layers.entries()) {
    let layer = original;
    const done: Partial<Record<LinearName, PackedWeight>> = {};
    const mask = subnet.layers[l]!;
    for (const kind of ['attention', 'mlp'] as const) {
      if (isPresent(kind, mask)) {
        const from = {
          ...request,
          mask,
          layer,
          kind,
          states,
          rows: request.layoutOf(blockOf(weights.shape, l), mask),
        };
        const rounded = await quantiseSublayer({ ...from, block: `block ${l}` });
        layer = rounded.layer;
        Object.assign(done, rounded.packed);
      }
      states = await stepped(forward, kind, { layer, mask, states }, signal);
      request.onProgress?.(2 * l + (kind === 'mlp' ? 2 : 1), total);
    }
    layers.push(layer);
    packed.push(done);
  }
  releaseTensors(states);
  return { format: request.format, weights: { ...weights, layers }, layers: packed };
}

async function stepped(
  forward: ForwardPass,
  kind: SublayerKind,
  at: { readonly layer: LayerWeights; readonly mask: LayerMask; readonly states: Tensor[] },
  signal: AbortSignal | undefined,
): Promise<Tensor[]> {
  const next = await forward.sublayer(kind, at.layer, at.mask, at.states, { signal });
  releaseTensors(at.states);
  return next;
}
