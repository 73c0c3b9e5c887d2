import { type Block, type LinearName, mapOf } from '../../model/block.ts';
import type { MapPart } from './family.ts';

/**
 * A tensor that holds maps of a block one after the other, each whole.
 * @param maps  maps that the block has, in stored order
 */
export function oneAfterAnother(block: Block, maps: readonly LinearName[]): MapPart[] {
  return maps.map((map) => ({ map, from: 0, count: mapOf(block, map)!.outputs }));
}
