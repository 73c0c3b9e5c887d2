import type { Linear } from '../checkpoint/modelWeights.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import { isOutputMap, type LinearName } from '../model/block.ts';
import { bytesPerRow, emptyMask, isKept, setRow, type WeightMask } from './weightMask.ts';

/**
 * A stored weight as float64 with its inputs as rows, the layout of every solver here.
 * @returns  [inputs, outputs], fresh memory
 */
export function inputsFirst(name: LinearName, { weight }: Linear, hidden: number): Matrix {
  const rows = weight.length / hidden;
  if (isOutputMap(name)) return { data: Float64Array.from(weight), rows, columns: hidden };
  const out = zeros(hidden, rows);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < hidden; c++) out.data[c * rows + row] = weight[row * hidden + c]!;
  }
  return out;
}

/** The stored float32 layout of a weight with its inputs as rows; the inverse of {@link inputsFirst}. */
export function asStored(name: LinearName, { data, rows, columns }: Matrix): Float32Array {
  if (isOutputMap(name)) return Float32Array.from(data);
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) out[c * rows + row] = data[row * columns + c]!;
  }
  return out;
}

/**
 * A stored mask as flags with its inputs as rows.
 * @returns  0 or 1, [inputs · outputs]
 */
export function flagsInputsFirst(name: LinearName, mask: WeightMask): Uint8Array {
  const { rows, columns, bits } = mask;
  const stride = bytesPerRow(columns);
  const [rowStep, columnStep] = isOutputMap(name) ? [columns, 1] : [1, rows];
  const flags = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      const bit = (bits[row * stride + (c >> 3)]! >> (c & 7)) & 1;
      flags[row * rowStep + c * columnStep] = bit;
    }
  }
  return flags;
}

/** The stored mask of flags with their inputs as rows; the inverse of {@link flagsInputsFirst}. */
export function maskAsStored(
  name: LinearName,
  flags: Uint8Array,
  inputs: number,
  outputs: number,
): WeightMask {
  if (isOutputMap(name)) {
    const mask = emptyMask(inputs, outputs);
    for (let row = 0; row < inputs; row++) setRow(mask, row, flags, row * outputs);
    return mask;
  }
  const mask = emptyMask(outputs, inputs);
  const line = new Uint8Array(inputs);
  for (let row = 0; row < outputs; row++) {
    for (let c = 0; c < inputs; c++) line[c] = flags[c * outputs + row]!;
    setRow(mask, row, line);
  }
  return mask;
}

/** True when no group of m neighbours of a mask keeps more than n. */
export function obeys(
  mask: WeightMask,
  { n, m }: { readonly n: number; readonly m: number },
  axis: 'rows' | 'columns',
): boolean {
  const [lines, length] =
    axis === 'columns' ? [mask.rows, mask.columns] : [mask.columns, mask.rows];
  for (let line = 0; line < lines; line++) {
    for (let from = 0; from < length; from += m) {
      let kept = 0;
      for (let i = from; i < Math.min(length, from + m); i++) {
        kept += Number(axis === 'columns' ? isKept(mask, line, i) : isKept(mask, i, line));
      }
      if (kept > n) return false;
    }
  }
  return true;
}
