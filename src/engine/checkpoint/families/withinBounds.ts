import { excessOf } from '../../../protocol/bounds.ts';
import type { ConfigReader } from '../configReader.ts';
import type { ModelShape } from '../../model/modelShape.ts';

/**
 * A shape whose sizes are no larger together than any model is: what is allocated by them is bounded.
 *
 * @param config  where the sizes were read, for the error
 * @param shape   each size is within its own bounds
 * @param field   name of the number of blocks
 * @throws EngineError `checkpoint`
 */
export function withinBounds(
  config: ConfigReader,
  shape: ModelShape,
  field = 'num_hidden_layers',
): ModelShape {
  const excess = excessOf(shape);
  if (excess !== undefined) config.fail(field, excess.expected, excess.found);
  return shape;
}
