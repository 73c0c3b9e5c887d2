import type { Attention } from '../model/block.ts';
import { type Runtime, type Tensor, tensorOf } from '../runtime/runtime.ts';
import type { AttentionVariant } from './attentionGraph.ts';
import { MASKED } from './emit.ts';

/**
 * Sequence length from which the fused attention operator is used on the CPU: below it the
 * decomposed form is as fast and needs no padding of heads to multiples of 8 (RUNTIME 1.1).
 */
const FUSED_FROM_TIME = 1024;

/**
 * Sequence length from which the causal half of the scores is left out block by block on the CPU;
 * shorter ones are too small to gain.
 */
const BLOCKED_FROM_TIME = 128;

/** How attention over sequences of some length is computed on a device. */
export function variantOf(
  attention: Attention,
  device: Runtime['device'],
  time: number,
): AttentionVariant {
  if (device !== 'cpu' || time < BLOCKED_FROM_TIME) return 'plain';
  return time < FUSED_FROM_TIME || !canBeFused(attention, time) ? 'blocked' : 'fused';
}

/**
 * Whether the fused operator computes a block's attention: it knows no cap and no window here, and
 * fills heads up to a multiple of 8, which would change the statistic of a head's norm.
 */
function canBeFused({ softcap, window, qkNorm, headDim }: Attention, time: number): boolean {
  const seesAll = window === null || window >= time;
  return softcap === null && seesAll && (qkNorm === null || headDim % 8 === 0);
}

/**
 * Additive mask [T, T]: 0 on the diagonal and the `reach` − 1 places before it, `MASKED` elsewhere.
 */
export function causalMask(time: number, reach: number): Tensor {
  const mask = new Float32Array(time * time);
  for (let row = 0; row < time; row++) {
    const start = row * time;
    mask.fill(MASKED, start + row + 1, start + time);
    mask.fill(MASKED, start, start + Math.max(0, row + 1 - reach));
  }
  return tensorOf(mask, [time, time]);
}
