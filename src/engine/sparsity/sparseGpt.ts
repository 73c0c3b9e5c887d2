import { type Matrix, rowsOf, zeros } from '../numeric/matrix.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';
import type { InverseRoot } from './inverseRoot.ts';
import { markGroups } from './nmMask.ts';
import { assertFits, type Pattern, type Remainder } from './pattern.ts';
import { pushErrors } from './pushErrors.ts';
import { thresholdOf } from './radixThreshold.ts';
import { type ScoreKeys, scoreKeys } from './scoredWeight.ts';
import { keptOf } from './selectMask.ts';

/** Inputs whose unstructured mask is chosen together, as published. */
const MASK_BLOCK = 128;
/** Inputs swept in JavaScript before their effect on all later ones is one native product. */
const SWEEP_BLOCK = 32;

/** A linear map with its inputs as rows, and what the sweep makes of it. */
export interface Swept {
  /** New weights, [inputs, outputs]; zero where dropped. */
  readonly weight: Matrix;
  /** 1 where kept, [inputs · outputs]. */
  readonly flags: Uint8Array;
}

/** What a sweep makes. */
export interface SweepOptions {
  readonly pattern: Pattern;
  /** Names the map in an error, e.g. `block 3, down_proj`. */
  readonly what: string;
  /** Of inputs that m does not divide; refused when absent. */
  readonly remainder?: Remainder;
}

/**
 * SparseGPT: drops weights input by input and lets the later inputs make up for it.
 *
 * The saliency of a weight is W²/U²_jj; an N:M mask is chosen from the updated weights every m
 * inputs, an unstructured one every 128. Updates inside 32 inputs run here, their sum on all later
 * inputs as one float64 product: the same arithmetic as published in another order.
 *
 * Deviation: an unstructured block drops exactly its share; the published code also drops weights
 * equal to the threshold.
 * @param weight  [inputs, outputs], float64; overwritten and returned
 * @param root  of the damped Gram matrix of the inputs
 * @throws EngineError `config` when the pattern does not fit the inputs, `cancelled`
 * @source Frantar and Alistarh 2023 (arXiv 2301.00774), algorithm 1; METHODS section 3.2
 */
export async function sparseGptSweep(
  gemm: SolverGemm,
  weight: Matrix,
  root: InverseRoot,
  { pattern, what, remainder = 'refused' }: SweepOptions,
  signal?: AbortSignal,
): Promise<Swept> {
  const inputs = weight.rows;
  assertFits(pattern, inputs, what, remainder);
  const flags = new Uint8Array(weight.data.length).fill(1);
  for (const row of root.dead) rowsOf(weight, row, row + 1).data.fill(0);
  const step = pattern.kind === 'nm' ? pattern.m : MASK_BLOCK;
  const length = sweepLength(step);
  const errors = zeros(length, weight.columns);
  const state = { weight, flags, upper: root.upper, errors };
  for (let start = 0; start < inputs; start += length) {
    const end = Math.min(inputs, start + length);
    for (let i = start; i < end; i++) {
      if (i % step === 0) chooseMask(state, i, Math.min(inputs, i + step), pattern);
      sweepInput(state, i, start, end);
    }
    if (end < inputs) await pushErrors(gemm, state, start, end, signal);
  }
  return { weight, flags };
}

interface Sweep extends Swept {
  readonly upper: Matrix;
  /** Errors of the inputs being swept, [inputs, outputs]. */
  readonly errors: Matrix;
}

/** Inputs swept at a time: whole groups, or a group in whole parts, so that no group lies across. */
function sweepLength(step: number): number {
  if (step <= SWEEP_BLOCK) return SWEEP_BLOCK - (SWEEP_BLOCK % step);
  let length = SWEEP_BLOCK;
  while (step % length !== 0) length--;
  return length;
}

/** Chooses what the inputs of one group or block keep, from the weights as they are by now. */
function chooseMask(state: Sweep, from: number, to: number, pattern: Pattern): void {
  const { weight, flags, upper } = state;
  const { columns } = weight;
  const room = scoreKeys((to - from) * columns);
  for (let i = from; i < to; i++) {
    const scale = 1 / upper.data[i * upper.columns + i]!;
    const [at, base] = [(i - from) * columns, i * columns];
    for (let c = 0; c < columns; c++) {
      room.scores[at + c] = Math.abs(weight.data[base + c]!) * scale;
    }
  }
  const part = flags.subarray(from * columns, to * columns);
  if (pattern.kind === 'nm') {
    const { n } = pattern;
    markGroups(room, part, { n, m: to - from, groups: columns, step: columns, stride: 1 });
  } else markShare(room, part, keptOf(part.length, pattern.fraction));
}

function markShare({ keys }: ScoreKeys, flags: Uint8Array, keep: number): void {
  const { key, ties } = thresholdOf((show) => {
    show(keys, keys.length);
  }, keep);
  let left = ties;
  for (let i = 0; i < flags.length; i++) {
    const over = keys[i]! - key;
    flags[i] = over > 0 || (over === 0 && left-- > 0) ? 1 : 0;
  }
}

/** Drops what input i does not keep and updates the inputs of the sweep after it. */
function sweepInput(state: Sweep, i: number, start: number, end: number): void {
  const { weight, flags, upper, errors } = state;
  const { columns, data } = weight;
  const root = i * upper.columns;
  const base = i * columns;
  const scale = 1 / upper.data[root + i]!;
  const error = errors.data.subarray((i - start) * columns, (i - start + 1) * columns);
  for (let c = 0; c < columns; c++) {
    const dropped = 1 - flags[base + c]!;
    const value = data[base + c]!;
    error[c] = dropped * value * scale;
    data[base + c] = value - dropped * value;
  }
  let k = i + 1;
  for (; k + 3 < end; k += 4) updateFour(data, error, upper.data, root + k, k * columns);
  for (; k < end; k++) {
    const factor = upper.data[root + k]!;
    const at = k * columns;
    for (let c = 0; c < columns; c++) data[at + c]! -= factor * error[c]!;
  }
}

/** Four inputs at a time halve the loads of the plain loop. */
function updateFour(
  data: Float64Array,
  error: Float64Array,
  upper: Float64Array,
  root: number,
  at: number,
): void {
  const columns = error.length;
  const [f0, f1, f2, f3] = [upper[root]!, upper[root + 1]!, upper[root + 2]!, upper[root + 3]!];
  const [r1, r2, r3] = [at + columns, at + 2 * columns, at + 3 * columns];
  for (let c = 0; c < columns; c++) {
    const e = error[c]!;
    data[at + c]! -= f0 * e;
    data[r1 + c]! -= f1 * e;
    data[r2 + c]! -= f2 * e;
    data[r3 + c]! -= f3 * e;
  }
}
