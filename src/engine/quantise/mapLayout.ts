import { type Matrix, zeros } from '../numeric/matrix.ts';
import { isOutputMap, type LinearName } from '../model/block.ts';
import { dequantised, type PackedWeight } from './packedWeight.ts';

/**
 * Rows of a stored weight as a matrix with the map's inputs as rows; row −1 gives zeros.
 * @param stored  [any, hidden]
 * @returns  [inputs, outputs], fresh memory
 */
export function inputsFirst(
  name: LinearName,
  stored: Float32Array,
  hidden: number,
  rows: Int32Array,
): Matrix {
  const count = rows.length;
  const out = isOutputMap(name) ? zeros(count, hidden) : zeros(hidden, count);
  const [step, stride] = isOutputMap(name) ? [hidden, 1] : [1, count];
  eachRow(stored, hidden, rows, (line, i) => {
    for (let c = 0; c < hidden; c++) out.data[i * step + c * stride] = line[c]!;
  });
  return out;
}

/** The same with the map's outputs as rows, float32. */
export function outputsFirst(
  name: LinearName,
  stored: Float32Array,
  hidden: number,
  rows: Int32Array,
): { readonly data: Float32Array; readonly rows: number; readonly columns: number } {
  const count = rows.length;
  const data = new Float32Array(count * hidden);
  const [step, stride] = isOutputMap(name) ? [1, count] : [hidden, 1];
  eachRow(stored, hidden, rows, (line, i) => {
    for (let c = 0; c < hidden; c++) data[i * step + c * stride] = line[c]!;
  });
  return isOutputMap(name)
    ? { data, rows: hidden, columns: count }
    : { data, rows: count, columns: hidden };
}

/** A stored weight with what integers stand for in place of its kept rows; fresh memory. */
export function withIntegers(
  name: LinearName,
  stored: Float32Array,
  rows: Int32Array,
  packed: PackedWeight,
): Float32Array {
  const values = dequantised(packed);
  const hidden = isOutputMap(name) ? packed.outputs : packed.inputs;
  const [step, stride] = isOutputMap(name) ? [1, rows.length] : [hidden, 1];
  const out = stored.slice();
  rows.forEach((row, i) => {
    if (row < 0) return;
    for (let c = 0; c < hidden; c++) out[row * hidden + c] = values[i * step + c * stride]!;
  });
  return out;
}

function eachRow(
  stored: Float32Array,
  hidden: number,
  rows: Int32Array,
  visit: (line: Float32Array, i: number) => void,
): void {
  rows.forEach((row, i) => {
    if (row >= 0) visit(stored.subarray(row * hidden, (row + 1) * hidden), i);
  });
}
