import type { BlockTraits } from '../../model/block.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import { withinBounds } from './withinBounds.ts';

/**
 * A shape whose blocks have traits of their own; without any, the model's switches say it all.
 * @param traits  of block l
 */
export function withTraits(
  config: ConfigReader,
  shape: ModelShape,
  traits: (layer: number) => BlockTraits | null,
): ModelShape {
  const checked = withinBounds(config, shape);
  const blocks = Array.from({ length: shape.layers }, (_, layer) => traits(layer));
  if (blocks.every((one) => one === null)) return checked;
  return { ...checked, blocks: blocks.map((one) => one ?? {}) };
}
