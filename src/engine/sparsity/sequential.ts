import type { LayerWeights, ModelWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass, SublayerKind } from '../graphs/forwardPass.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { denseSubnet } from '../subnet/count.ts';
import { type LinearName, mapsOf, rowsOfMap, type SparsityScope } from './linearMaps.ts';
import { assertMethodFits, type SparsityMethod, wishOf } from './method.ts';
import { mlpProbeOf } from './mlpProbe.ts';
import { assertFits, type Pattern } from './pattern.ts';
import type { PruneTools } from './pruneMaps.ts';
import { pruneSublayer, type RefitRecord } from './pruneSublayer.ts';
import type { SublayerStatistics } from './sublayerStatistics.ts';
import { comparedAxis } from './scoreMap.ts';
import { countKept, type WeightMask } from './weightMask.ts';

/** What {@link sparsify} needs. */
export interface SparsifyRequest {
  readonly forward: ForwardPass;
  readonly tools: PruneTools;
  readonly weights: ModelWeights;
  /** Calibration windows grouped into batches. */
  readonly batches: readonly (readonly Uint32Array[])[];
  readonly method: SparsityMethod;
  /** The pattern of each block, or one for all; null leaves a block dense. */
  readonly pattern: Pattern | readonly (Pattern | null)[];
  readonly scope: SparsityScope;
  readonly signal?: AbortSignal;
  /** Told what each sublayer's inputs looked like before it was pruned. */
  readonly onStatistics?: (
    at: { readonly layer: number; readonly kind: SublayerKind },
    statistics: SublayerStatistics,
  ) => void;
  /** Told each finished block. */
  readonly onLayer?: (layer: SparseLayer) => void;
}

/** The masks of one block. */
export interface SparseLayer {
  readonly layer: number;
  /** Maps that were made sparse. */
  readonly masks: Readonly<Partial<Record<LinearName, WeightMask>>>;
  /** Share of all weights of the block's maps that stay. */
  readonly density: number;
  /** Relative output error of each refitted map, before and after. */
  readonly refits: readonly RefitRecord[];
}

/** A sparse model: the shape of the dense one, with zeros. */
export interface SparseModel {
  readonly weights: ModelWeights;
  readonly layers: readonly SparseLayer[];
}

/**
 * Makes a model sparse block by block, each on the inputs that the already sparse blocks before it
 * give it. Every sublayer is looked at as it is, pruned, and then applied as it has become.
 *
 * Memory: the residual streams of all calibration tokens, before and after a sublayer, a second
 * pair where a refit follows the dense model, and one sublayer's statistics.
 *
 * Deviation: published code gathers the statistics of a whole block before it prunes any of it; here
 * the MLP is looked at behind its block's already sparse attention.
 * @throws EngineError `config` when method and model do not go together or a pattern does not fit,
 *   `numeric` for activations that are not finite or all zero, `cancelled`
 * @source METHODS sections 3.1 and 3.2
 */
export async function sparsify(request: SparsifyRequest): Promise<SparseModel> {
  const { forward, weights, method, batches, signal } = request;
  assertMethodFits(weights.shape, method);
  assertPatternsFit(request);
  const mask = denseSubnet(weights.shape).layers[0]!;
  const probe = mlpProbeOf(forward);
  // Without statistics nothing needs to be run.
  const blind = wishOf(method) === null;
  const embedded = blind ? [] : batches.map((batch) => forward.embed(weights, batch));
  const follow = method.refit?.target === 'dense';
  let [denseStates, states]: [Tensor[], Tensor[]] = [embedded, embedded];
  const layers: LayerWeights[] = [];
  const sparse: SparseLayer[] = [];
  for (const [l, original] of weights.layers.entries()) {
    let layer = original;
    const masks: Partial<Record<LinearName, WeightMask>> = {};
    const refits: RefitRecord[] = [];
    for (const kind of ['attention', 'mlp'] as const) {
      const apply = (from: LayerWeights, before: Tensor[]): Promise<Tensor[]> =>
        blind ? Promise.resolve([]) : forward.sublayer(kind, from, mask, before, { signal });
      if (follow) denseStates = replaced(denseStates, await apply(original, denseStates));
      const pattern = patternOf(request, l, kind);
      if (pattern !== null) {
        const done = await pruneSublayer(
          { ...request, probe, mask, block: `block ${l}`, layer, kind, pattern, states },
          follow ? denseStates : null,
        );
        layer = done.layer;
        if (done.statistics !== null) request.onStatistics?.({ layer: l, kind }, done.statistics);
        Object.assign(masks, done.masks);
        refits.push(...done.refits);
      }
      states = replaced(states, await apply(layer, states));
    }
    layers.push(layer);
    sparse.push({ layer: l, masks, density: densityOf(layer, masks), refits });
    request.onLayer?.(sparse[l]!);
  }
  releaseTensors([...denseStates, ...states]);
  return { weights: { ...weights, layers }, layers: sparse };
}

/** Share of the weights of a block's maps that stay; maps without a mask stay whole. */
export function densityOf(
  layer: LayerWeights,
  masks: Readonly<Partial<Record<LinearName, WeightMask>>>,
): number {
  let [kept, all] = [0, 0];
  for (const { name, linear } of [...mapsOf(layer, 'attention'), ...mapsOf(layer, 'mlp')]) {
    const mask = masks[name];
    kept += mask === undefined ? linear.weight.length : countKept(mask);
    all += linear.weight.length;
  }
  return kept / all;
}

/** Refuses a pattern that leaves a remainder in any map, before any work. */
function assertPatternsFit(request: SparsifyRequest): void {
  const { shape, layers } = request.weights;
  for (const [l, layer] of layers.entries()) {
    for (const kind of ['attention', 'mlp'] as const) {
      const pattern = patternOf(request, l, kind);
      if (pattern === null) continue;
      for (const { name, linear } of mapsOf(layer, kind)) {
        const rows = comparedAxis(name, request.method.rule) === 'rows';
        const length = rows ? rowsOfMap(linear, shape) : shape.hidden;
        assertFits(pattern, length, `block ${l}, ${name}_proj`);
      }
    }
  }
}

function patternOf(
  { pattern, scope }: SparsifyRequest,
  layer: number,
  kind: SublayerKind,
): Pattern | null {
  if (kind === 'attention' && scope === 'mlp') return null;
  return 'kind' in pattern ? pattern : (pattern[layer] ?? null);
}

/** The next states, when the old ones are needed no more. */
function replaced(old: readonly Tensor[], next: Tensor[]): Tensor[] {
  releaseTensors(old);
  return next;
}
