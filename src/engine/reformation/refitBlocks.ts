import type { Linear } from '../checkpoint/modelWeights.ts';
import type { MapChanges, WeightSource } from '../checkpoint/weightSource.ts';
import { blockOf, OUTPUT_MAP } from '../model/block.ts';
import { rowsOf } from '../model/rows.ts';
import { denseSubnet, type LayerMask } from '../model/subnet.ts';
import { gatherRows } from '../numeric/gather.ts';
import { lookAt, type TokenRows } from '../passes/statistics.ts';
import { type Change, type Copy, type Here, walk } from '../passes/walk.ts';
import type { TokenSplit } from './heldBack.ts';
import type { ReformRequest } from './reform.ts';
import type { Refitted } from './refit.ts';
import { gatherMoments, type SublayerMoments } from './sublayerMoments.ts';

/** Refitted weights. */
export interface RefittedBlocks {
  /** Fitted without the held-back tokens, which can therefore judge it. */
  readonly trial: WeightSource;
  /**
   * The same maps with the same dampings, fitted to all tokens; the trial itself where so little is
   * held back that it would change nothing.
   */
  readonly full: WeightSource;
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
  const { forward, dense: source, weights, subnet, batches, target, signal } = request;
  const dense = denseSubnet(weights.shape);
  // The layer target follows no dense stream: it is the old sublayer on the subnet's own inputs.
  const reference = target === 'dense' ? dense : undefined;
  const copies = split.refitsAll ? 2 : 1;
  const [trial, full = trial] = await walk(
    { forward, weights, dense: source, subnet, batches, reference, copies, signal },
    { visit: (here) => refitSublayer(request, split, here, dense.layers[here.index]!) },
  );
  return { trial: trial!, full: full! };
}

/** @param whole  the mask that keeps everything */
async function refitSublayer(
  request: ReformRequest,
  split: TokenSplit,
  here: Here,
  whole: LayerMask,
): Promise<Change> {
  const { forward, batches, refit, signal } = request;
  const { index, kind, mask } = here;
  const name = OUTPUT_MAP[kind];
  const [trial, full] = here.copies;
  const linear = trial!.layer[name];
  const sets = [split.fitted, split.held];
  const moments = await momentsAt(request, here, whole, { copy: trial!, sets });
  const block = blockOf(forward.shape, index);
  const kept = refit.wantsRemovedInputs ? rowsOf(block, name, mask) : moments.rows;
  const map = {
    what: `block ${index}, ${name}_proj`,
    weight: gatherRows(linear.weight, forward.shape.hidden, moments.rows),
    // The dense sublayer's inputs are its rows in order, so a kept row is its own index.
    kept: refit.wantsRemovedInputs ? kept : Uint32Array.from(moments.rows.keys()),
    bias: linear.bias === null ? null : Float64Array.from(linear.bias),
  };
  const choice = await refit.choose(map, moments.sets[0]!, moments.sets[1]!, signal);
  const { refitted, errorBefore, errorAfter } = choice;
  const maps: MapChanges[] = [];
  if (refitted !== null) {
    maps.push({ [name]: withRows(linear, kept, refitted) });
  }
  if (refitted !== null && full !== undefined) {
    const all = await momentsAt(request, here, whole, {
      copy: full,
      sets: [batches.map(() => null)],
    });
    const again = await refit.fit(map, all.sets[0]!, refitted.damping, signal);
    maps.push({ [name]: withRows(linear, kept, again) });
  }
  const damping = refitted?.damping ?? null;
  request.onFit?.({ layer: index, kind, damping, errorBefore, errorAfter });
  return refitted === null ? 'unchanged' : { maps };
}

/** Moments of the output map on the inputs that a copy gives it, for each set of tokens. */
async function momentsAt(
  { forward, refit, signal }: ReformRequest,
  here: Here,
  whole: LayerMask,
  { copy, sets }: { readonly copy: Copy; readonly sets: readonly (readonly TokenRows[])[] },
): Promise<SublayerMoments> {
  const { index, kind, original, reference } = here;
  const { layer, states, reads } = copy;
  const mask = refit.wantsRemovedInputs ? whole : here.mask;
  const own =
    reference === null
      ? await forward.addUpdate(kind, original, whole, states, { signal, reads })
      : null;
  try {
    const at = { index, kind, layer, mask, states, reads };
    const isWalked = copy === here.copies[0] && mask === here.mask;
    return await gatherMoments(forward, { ...at, wanted: reference ?? own!, sets }, (statistics) =>
      isWalked ? here.observe(statistics) : lookAt(forward, at, statistics, signal),
    );
  } finally {
    forward.release(own ?? []);
  }
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
