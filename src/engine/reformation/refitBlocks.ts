import type { LayerWeights, Linear, ModelWeights } from '../checkpoint/modelWeights.ts';
import { blockOf, OUTPUT_MAP, type SublayerKind } from '../model/block.ts';
import { rowsOf } from '../model/rows.ts';
import { gatherRows } from '../numeric/gather.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { denseSubnet, isPresent, type LayerMask } from '../model/subnet.ts';
import type { TokenSplit } from './heldBack.ts';
import type { TokenRows } from '../passes/statistics.ts';
import type { ReformRequest } from './reform.ts';
import type { Refitted } from './refit.ts';
import { gatherMoments, type SublayerMoments } from './sublayerMoments.ts';

/** Refitted weights. */
export interface RefittedBlocks {
  /** Fitted without the held-back tokens, which can therefore judge it. */
  readonly trial: ModelWeights;
  /**
   * The same maps with the same dampings, fitted to all tokens; the trial itself where so little is
   * held back that it would change nothing.
   */
  readonly full: ModelWeights;
}

/**
 * Refits the kept rows of o_proj and down_proj, sublayer after sublayer, each on the inputs that the
 * already refitted blocks before it give. The trial decides which maps are refitted, and with which
 * damping; a fit to all tokens follows it. Each has a residual stream of its own: held-back tokens
 * that had passed through maps fitted to them would flatter the maps behind those, too.
 * @throws EngineError `numeric`, `cancelled`
 */
export async function refitBlocks(
  request: ReformRequest,
  split: TokenSplit,
): Promise<RefittedBlocks> {
  const { forward, weights, subnet, batches, target, signal } = request;
  const dense = denseSubnet(weights.shape);
  const embedded = batches.map((batch) => forward.embed(weights, batch));
  const trial: Stream = { layers: [], states: embedded };
  const full: Stream | null = split.refitsAll ? { layers: [], states: embedded } : null;
  const streams = full === null ? [trial] : [trial, full];
  // The layer target follows no dense stream: it is the old sublayer on the subnet's own inputs.
  let wanted = target === 'dense' ? embedded : null;
  for (const [l, original] of weights.layers.entries()) {
    const mask = subnet.layers[l]!;
    for (const { layers } of streams) layers.push(original);
    for (const kind of ['attention', 'mlp'] as const) {
      if (wanted !== null) {
        const next = await forward.sublayer(kind, original, dense.layers[l]!, wanted, { signal });
        wanted = replaced(wanted, next);
      }
      if (isPresent(kind, mask)) {
        const place = { l, kind, original, mask, full: dense.layers[l]!, wanted };
        await refitSublayer(request, split, place, { trial, full });
      }
      for (const stream of streams) {
        const layer = stream.layers[l]!;
        const next = await forward.sublayer(kind, layer, mask, stream.states, { signal });
        stream.states = replaced(stream.states, next);
      }
    }
  }
  releaseTensors([...(wanted ?? []), ...streams.flatMap(({ states }) => states)]);
  const fitted = { ...weights, layers: trial.layers };
  return { trial: fitted, full: full === null ? fitted : { ...weights, layers: full.layers } };
}

/** A model in the making and its residual stream before the next sublayer, per batch. */
interface Stream {
  readonly layers: LayerWeights[];
  states: Tensor[];
}

interface Place {
  readonly l: number;
  readonly kind: SublayerKind;
  readonly original: LayerWeights;
  readonly mask: LayerMask;
  /** The mask that keeps everything. */
  readonly full: LayerMask;
  /** The dense model's residual stream behind the sublayer; null for the layer target. */
  readonly wanted: readonly Tensor[] | null;
}

async function refitSublayer(
  request: ReformRequest,
  split: TokenSplit,
  place: Place,
  { trial, full }: { readonly trial: Stream; readonly full: Stream | null },
): Promise<void> {
  const { forward, batches, refit, signal } = request;
  const { l, kind, original, mask } = place;
  const name = OUTPUT_MAP[kind];
  const linear = original[name];
  const { rows, sets } = await momentsAt(request, place, trial, [split.fitted, split.held]);
  const block = blockOf(forward.shape, l);
  const kept = refit.wantsRemovedInputs ? rowsOf(block, name, mask) : rows;
  const map = {
    what: `block ${l}, ${name}_proj`,
    weight: gatherRows(linear.weight, forward.shape.hidden, rows),
    // The dense sublayer's inputs are its rows in order, so a kept row is its own index.
    kept: refit.wantsRemovedInputs ? kept : Uint32Array.from(rows.keys()),
    bias: linear.bias === null ? null : Float64Array.from(linear.bias),
  };
  const choice = await refit.choose(map, sets[0]!, sets[1]!, signal);
  const { refitted, errorBefore, errorAfter } = choice;
  const damping = refitted?.damping ?? null;
  if (refitted !== null) {
    trial.layers[l] = { ...trial.layers[l]!, [name]: withRows(linear, kept, refitted) };
  }
  if (refitted !== null && full !== null) {
    const all = await momentsAt(request, place, full, [batches.map(() => null)]);
    const again = await refit.fit(map, all.sets[0]!, refitted.damping, signal);
    full.layers[l] = { ...full.layers[l]!, [name]: withRows(linear, kept, again) };
  }
  request.onFit?.({ layer: l, kind, damping, errorBefore, errorAfter });
}

/** Moments of the output map on the inputs that a stream gives it, for each set of tokens. */
async function momentsAt(
  { forward, refit, signal }: ReformRequest,
  { l, kind, original, mask, full, wanted }: Place,
  { layers, states }: Stream,
  sets: readonly (readonly TokenRows[])[],
): Promise<SublayerMoments> {
  const own =
    wanted === null ? await forward.sublayer(kind, original, full, states, { signal }) : null;
  const moments = await gatherMoments(
    forward,
    {
      ...{ kind, index: l, states, sets },
      layer: layers[l]!,
      mask: refit.wantsRemovedInputs ? full : mask,
      wanted: wanted ?? own!,
    },
    signal,
  );
  releaseTensors(own ?? []);
  return moments;
}

/** The next states, when the old ones are needed no more. */
function replaced(old: readonly Tensor[], next: Tensor[]): Tensor[] {
  releaseTensors(old);
  return next;
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
