import type { ModelShape } from '../checkpoint/modelShape.ts';
import type { LayerWeights, Linear, ModelWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass, SublayerKind } from '../graphs/forwardPass.ts';
import { attentionRows, ZERO_ROW } from '../graphs/keptRows.ts';
import { gatherRows } from '../numeric/gather.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { denseSubnet, hasAttention } from '../subnet/count.ts';
import type { LayerMask, Subnet } from '../subnet/subnet.ts';
import type { Refit, Refitted } from './refit.ts';
import { gatherMoments } from './sublayerMoments.ts';

/**
 * What a refitted sublayer is to produce: `dense`, the dense model's residual stream, so that errors
 * of earlier blocks are repaired too; `layer`, what the unpruned sublayer would produce from the
 * subnet's own inputs (the paper's).
 *
 * Deviation: `dense` is not in the paper; METHODS 5, ideas 2.
 */
export type FitTarget = 'dense' | 'layer';

/** What {@link reform} needs. */
export interface ReformRequest {
  readonly forward: ForwardPass;
  readonly weights: ModelWeights;
  readonly subnet: Subnet;
  /** Calibration windows grouped into batches. */
  readonly batches: readonly (readonly Uint32Array[])[];
  readonly target: FitTarget;
  /** Share of the batches held out for choosing the damping. */
  readonly heldoutShare: number;
  readonly refit: Refit;
  readonly signal?: AbortSignal;
  /** Told each refitted map. */
  readonly onFit?: (
    fit: { layer: number; kind: SublayerKind } & Omit<Refitted, 'weight' | 'bias'>,
  ) => void;
}

/**
 * Reforms a subnet: refits the kept rows of o_proj and down_proj, sublayer after sublayer, each on
 * the inputs that the already reformed subnet gives it.
 *
 * Memory: the residual streams of all calibration tokens of the dense model and of the subnet, and
 * one map's Gram matrix.
 * @returns  weights that differ from the request's in the kept rows of o and down and in their
 *   biases; the mask stays the same
 * @throws EngineError `numeric` when a map cannot be fitted, `cancelled`
 * @source Shen et al. 2024, section 3.4 (METHODS 1.1, 1.2)
 */
export async function reform(request: ReformRequest): Promise<ModelWeights> {
  const { forward, weights, subnet, batches, signal } = request;
  const dense = denseSubnet(weights.shape);
  const embedded = batches.map((batch) => forward.embed(weights, batch));
  let [denseStates, states]: [Tensor[], Tensor[]] = [embedded, embedded];
  const follow = request.target === 'dense';
  const layers: LayerWeights[] = [];
  for (const [l, original] of weights.layers.entries()) {
    let layer = original;
    for (const kind of ['attention', 'mlp'] as const) {
      const mask = subnet.layers[l]!;
      const full = dense.layers[l]!;
      const apply = (from: LayerWeights, units: LayerMask, before: Tensor[]): Promise<Tensor[]> =>
        forward.sublayer(kind, from, units, before, { signal });
      // The layer target follows no dense stream: it is the old sublayer on the subnet's own inputs.
      if (follow) denseStates = replaced(denseStates, await apply(original, full, denseStates));
      if (isPresent(kind, mask)) {
        const own = follow ? null : await apply(original, full, states);
        const wanted = own ?? denseStates;
        layer = await refitSublayer(request, { l, kind, layer, mask, states, wanted });
        releaseTensors(own ?? []);
      }
      states = replaced(states, await apply(layer, mask, states));
    }
    layers.push(layer);
  }
  releaseTensors([...denseStates, ...states]);
  return { ...weights, layers };
}

/**
 * Peak bytes of {@link reform} beside the source's weights: the new o and down, four residual
 * streams of all tokens (dense and subnet, before and after a sublayer), and the moments of the
 * largest map in float64, twice for training and held-out tokens and once more while it is solved.
 */
export function reformationBytes(shape: ModelShape, tokens: number): number {
  const { layers, hidden, heads, headDim, intermediate } = shape;
  const inputs = heads * headDim + intermediate;
  const width = Math.max(heads * headDim, intermediate);
  return 4 * layers * inputs * hidden + 16 * tokens * hidden + 24 * width * (width + hidden);
}

/** The next states, when the old ones are needed no more. */
function replaced(old: readonly Tensor[], next: Tensor[]): Tensor[] {
  releaseTensors(old);
  return next;
}

interface Place {
  readonly l: number;
  readonly kind: SublayerKind;
  readonly layer: LayerWeights;
  readonly mask: LayerMask;
  readonly states: readonly Tensor[];
  readonly wanted: readonly Tensor[];
}

async function refitSublayer(request: ReformRequest, place: Place): Promise<LayerWeights> {
  const { l, kind, layer } = place;
  const name = kind === 'attention' ? 'o' : 'down';
  const held = Math.ceil(request.batches.length * request.heldoutShare);
  const heldoutFrom = Math.max(1, request.batches.length - held);
  const { forward, refit, signal } = request;
  const { hidden } = forward.shape;
  const seen = refit.wantsRemovedInputs ? denseSubnet(forward.shape).layers[l]! : place.mask;
  const moments = await gatherMoments(forward, { ...place, mask: seen, heldoutFrom }, signal);
  const { train, heldout } = moments;
  const rows = refit.wantsRemovedInputs ? keptRowsOf(forward, place) : moments.rows;
  const linear = layer[name];
  const fit = await refit.fit(
    {
      what: `block ${l}, ${name}_proj`,
      train,
      heldout: heldout.tokens > 0 ? heldout : train,
      weight: gatherRows(linear.weight, hidden, moments.rows),
      // The dense sublayer's inputs are its rows in order, so a kept row is its own index.
      kept: refit.wantsRemovedInputs ? rows : Uint32Array.from(rows.keys()),
      bias: linear.bias === null ? null : Float64Array.from(linear.bias),
    },
    signal,
  );
  const { damping, errorBefore, errorAfter } = fit;
  request.onFit?.({ layer: l, kind, damping, errorBefore, errorAfter });
  return { ...layer, [name]: withRows(linear, rows, fit) };
}

function keptRowsOf(forward: ForwardPass, { kind, mask }: Place): Uint32Array {
  const rows = kind === 'mlp' ? mask.mlp : attentionRows(forward.shape, mask, 'plain').o;
  return Uint32Array.from([...rows].filter((row) => row !== ZERO_ROW));
}

function isPresent(kind: SublayerKind, mask: LayerMask): boolean {
  return kind === 'attention' ? hasAttention(mask) : mask.mlp.length > 0;
}

/** A copy of the map with the fitted rows in place of the old ones; removed rows stay as they were. */
function withRows(linear: Linear, rows: Uint32Array, fit: Refitted): Linear {
  const weight = linear.weight.slice();
  const hidden = fit.weight.columns;
  rows.forEach((row, i) => {
    weight.set(fit.weight.data.subarray(i * hidden, (i + 1) * hidden), row * hidden);
  });
  return { weight, bias: fit.bias === null ? linear.bias : Float32Array.from(fit.bias) };
}
