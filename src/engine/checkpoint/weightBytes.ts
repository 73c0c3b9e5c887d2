import { familyNamed } from './families/registry.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { tensorTable } from './tensorTable.ts';

/**
 * Number of parameters of a dense model, a tied head counted once.
 *
 * @param shape  the model's sizes and switches
 */
export function parameterCount(shape: ModelShape): number {
  const specs = tensorTable(familyNamed(shape.family), shape);
  return specs.reduce((sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1), 0);
}

/**
 * Memory that the weights of a dense model take where its blocks are read one at a time: all that is
 * outside them, and the largest of them, as float32.
 *
 * @param shape  the model's sizes and switches
 * @returns bytes; reading needs at most 8 MB more
 */
export function streamedWeightBytes(shape: ModelShape): number {
  const blocks = new Array<number>(shape.layers).fill(0);
  let outside = 0;
  for (const { layer, dims } of tensorTable(familyNamed(shape.family), shape)) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    if (layer === null) outside += size;
    else blocks[layer] = blocks[layer]! + size;
  }
  return (outside + Math.max(...blocks)) * Float32Array.BYTES_PER_ELEMENT;
}

/**
 * Memory that the weights of a dense model take once loaded as float32.
 *
 * @param shape  the model's sizes and switches
 * @returns bytes; loading itself needs at most 8 MB more
 */
export function weightBytes(shape: ModelShape): number {
  return parameterCount(shape) * Float32Array.BYTES_PER_ELEMENT;
}
