import { isOutputMap, type LinearName } from '../model/block.ts';
import { bytesPerRow, emptyMask, type WeightMask } from './weightMask.ts';

/**
 * A mask of a stored map as its exported weight has it, with outputs as rows: o and down are stored
 * transposed.
 * @returns  [outputs, inputs]; the same mask where nothing is transposed
 */
export function exportedMask(name: LinearName, mask: WeightMask): WeightMask {
  return isOutputMap(name) ? transposedMask(mask) : mask;
}

function transposedMask({ rows, columns, bits }: WeightMask): WeightMask {
  const out = emptyMask(columns, rows);
  const [from, to] = [bytesPerRow(columns), bytesPerRow(rows)];
  for (let row = 0; row < rows; row++) {
    const [byte, bit] = [row >> 3, row & 7];
    for (let c = 0; c < columns; c++) {
      out.bits[c * to + byte]! |= ((bits[row * from + (c >> 3)]! >> (c & 7)) & 1) << bit;
    }
  }
  return out;
}
