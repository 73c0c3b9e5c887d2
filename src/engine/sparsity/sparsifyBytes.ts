import type { ModelShape } from '../model/modelShape.ts';
import type { SparsityScope } from './linearMaps.ts';
import { type SparsityMethod, wishOf } from './method.ts';

/** What {@link sparsifyBytes} depends on besides the model. */
export interface SparsityMemory {
  readonly method: SparsityMethod;
  readonly scope: SparsityScope;
  /** Of the calibration windows together. */
  readonly tokens: number;
}

/**
 * Peak bytes of `sparsify` beside the source's weights: the new maps (thrice where a refit is judged
 * against the cut ones), the residual streams before and after a sublayer (twice where a refit follows
 * another model), and of the largest sublayer the Gram matrices and the float64 matrices of the map
 * that is being swept or refitted.
 */
export function sparsifyBytes(shape: ModelShape, memory: SparsityMemory): number {
  const { method, scope, tokens } = memory;
  const { layers, hidden, heads, kvHeads, headDim, intermediate } = shape;
  const attention = scope === 'all' ? 2 * (heads + kvHeads) * headDim * hidden : 0;
  const mlp = (shape.mlp.gated ? 3 : 2) * intermediate * hidden;
  const maps = 4 * layers * (attention + mlp);
  const wish = wishOf(method);
  if (wish === null) return maps;
  const streams = 4 * tokens * hidden * (method.refit?.target === 'dense' ? 4 : 2);
  const width = Math.max(intermediate, scope === 'all' ? heads * headDim : 0);
  if (method.refit !== null) {
    // The cut maps, and a step between them and the refitted ones.
    const judged = 2 * maps;
    // Of both inputs for fitted and for held-back tokens, and their sum while it is fitted.
    const grams = 8 * (2 * hidden ** 2 + 3 * width ** 2) + 4 * width ** 2;
    return maps + judged + streams + grams + 8 * 10 * width * hidden;
  }
  if (!wish.gram) return maps + streams;
  // Both inputs' Gram matrices, the float32 product of a batch, and a copy while they are solved.
  const grams = 8 * (hidden ** 2 + 2 * width ** 2) + 4 * width ** 2;
  return maps + streams + grams + 8 * 2 * width * hidden;
}
