import { type Matrix, zeros } from '../numeric/matrix.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';
import type { InverseRoot } from '../sparsity/inverseRoot.ts';
import { pushErrors } from '../sparsity/pushErrors.ts';
import { type BlockFormat, zeroCode } from './blockFormat.ts';
import { codeOf, scaleOf } from './blockScale.ts';
import { emptyPacked, type PackedWeight, putCodes } from './packedWeight.ts';

/** Inputs swept in JavaScript before their effect on all later ones is one native product. */
const SWEEP = 32;

/**
 * Rounds a weight to integers input by input and lets the later inputs make up for what each loses.
 *
 * A block's scale is chosen from the weights as they are when its turn comes. A weight that is zero
 * stays zero, so what a sparsity pass removed stays removed.
 *
 * Deviation: inputs are taken in their order, not by falling energy; the operator has an input for
 * that, but it is deprecated and slow.
 * @param weight  [inputs, outputs]; overwritten with scratch
 * @param root  of the damped Gram matrix of the inputs
 * @throws EngineError `cancelled`
 * @source Frantar et al. 2022 (GPTQ, arXiv 2210.17323)
 */
export async function quantiseSweep(
  gemm: SolverGemm,
  weight: Matrix,
  root: InverseRoot,
  format: BlockFormat,
  signal?: AbortSignal,
): Promise<PackedWeight> {
  const { rows: inputs, columns: outputs } = weight;
  const step = Math.min(SWEEP, format.blockSize);
  const state: Sweep = {
    ...{ weight, format, upper: root.upper },
    packed: emptyPacked(outputs, inputs, format),
    wasZero: Uint8Array.from(weight.data, (value) => Number(value === 0)),
    scales: new Float64Array(outputs),
    codes: new Uint8Array(Math.min(inputs, format.blockSize) * outputs),
    errors: zeros(step, outputs),
  };
  for (let start = 0; start < inputs; start += step) {
    const end = Math.min(inputs, start + step);
    const block = start - (start % format.blockSize);
    if (start === block) chooseScales(state, block);
    for (let i = start; i < end; i++) sweepInput(state, i, { start, end, block });
    if (end === inputs || end % format.blockSize === 0) putBlock(state, block, end);
    if (end < inputs) await pushErrors(gemm, state, start, end, signal);
  }
  return state.packed;
}

interface Sweep {
  readonly weight: Matrix;
  readonly upper: Matrix;
  readonly format: BlockFormat;
  readonly packed: PackedWeight;
  /** 1 where the weight was zero to begin with, [inputs · outputs]. */
  readonly wasZero: Uint8Array;
  /** Scale of every output in the block at hand. */
  readonly scales: Float64Array;
  /** Codes of the block at hand, [blockSize, outputs]. */
  readonly codes: Uint8Array;
  /** Errors of the inputs being swept, [step, outputs]. */
  readonly errors: Matrix;
}

function chooseScales({ weight, format, packed, scales }: Sweep, block: number): void {
  const { data, rows, columns } = weight;
  const count = Math.min(format.blockSize, rows - block);
  const values = new Float64Array(count);
  const blocks = packed.scales.length / columns;
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < count; i++) values[i] = data[(block + i) * columns + c]!;
    const scale = scaleOf(values, count, format);
    scales[c] = scale;
    packed.scales[c * blocks + block / format.blockSize] = scale;
  }
}

/** Rounds one input of every output and updates the inputs of the sweep after it. */
function sweepInput(
  { weight, wasZero, format, scales, codes, errors, upper }: Sweep,
  i: number,
  at: { readonly start: number; readonly end: number; readonly block: number },
): void {
  const { columns, data } = weight;
  const zero = zeroCode(format);
  const root = i * upper.columns;
  const share = 1 / upper.data[root + i]!;
  const base = i * columns;
  const to = (i - at.block) * columns;
  const error = errors.data.subarray((i - at.start) * columns, (i - at.start + 1) * columns);
  for (let c = 0; c < columns; c++) {
    const value = data[base + c]!;
    const scale = scales[c]!;
    const code = wasZero[base + c] === 1 || scale === 0 ? zero : codeOf(value, scale, zero);
    codes[to + c] = code;
    error[c] = (value - (code - zero) * scale) * share;
  }
  for (let k = i + 1; k < at.end; k++) {
    const factor = upper.data[root + k]!;
    const row = k * columns;
    for (let c = 0; c < columns; c++) data[row + c]! -= factor * error[c]!;
  }
}

function putBlock({ packed, codes }: Sweep, block: number, end: number): void {
  const { outputs } = packed;
  const values = new Uint8Array(end - block);
  for (let c = 0; c < outputs; c++) {
    for (let i = 0; i < values.length; i++) values[i] = codes[i * outputs + c]!;
    putCodes(packed, c, block, values, values.length);
  }
}
