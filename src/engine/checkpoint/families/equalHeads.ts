import { MOST_HEADS } from '../../../protocol/bounds.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';

/** Sizes of a model whose heads share its width, each with keys of its own. */
export type EqualHeads = Pick<ModelShape, 'hidden' | 'heads' | 'kvHeads' | 'headDim'>;

/**
 * Reads the width of a model and how many heads share it.
 * @param hiddenField  name of the width
 * @param headsField  name of the number of heads
 * @throws EngineError `checkpoint` for heads that do not divide the width
 */
export function readEqualHeads(
  config: ConfigReader,
  hiddenField = 'hidden_size',
  headsField = 'num_attention_heads',
): EqualHeads {
  const hidden = config.size(hiddenField);
  const heads = config.integer(headsField, { min: 1, max: MOST_HEADS });
  if (hidden % heads !== 0) config.fail(hiddenField, `a multiple of ${heads} heads`, `${hidden}`);
  return { hidden, heads, kvHeads: heads, headDim: hidden / heads };
}
