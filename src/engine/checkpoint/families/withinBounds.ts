import { excessOf } from '../../../protocol/bounds.ts';
import type { ConfigReader } from '../configReader.ts';
import type { ModelShape } from '../../model/modelShape.ts';

/**
 * A shape whose sizes are no larger together than any model is: what is allocated by them is bounded.
 *
 * @param config  where the sizes were read, for the error
 * @param shape   each size is within its own bounds
 * @throws EngineError `checkpoint`
 */
export function withinBounds(config: ConfigReader, shape: ModelShape): ModelShape {
  const excess = excessOf(shape);
  if (excess !== undefined) config.fail('num_hidden_layers', excess.expected, excess.found);
  return shape;
}
