import { EngineError } from '../../protocol/errors.ts';
import type { Block } from '../model/block.ts';
import { denseMask, type HeadMask, type LayerMask } from '../model/subnet.ts';

/**
 * The mask that keeps whole heads and single neurons.
 * @param heads  key/value heads of which all is kept that the block has
 * @param neurons  kept neurons, ascending
 */
export function groupMask(
  block: Block,
  heads: ReadonlySet<number>,
  neurons: Uint32Array,
): LayerMask {
  const none: HeadMask = { qk: new Uint32Array(0), vo: new Uint32Array(0) };
  const dense = denseMask(block);
  return {
    heads: dense.heads.map((whole, h) => (heads.has(h) ? whole : none)),
    mlp: neurons,
  };
}

/** The error of a budget that whole heads and neurons cannot meet. */
export function unreachable(budget: number, most: number): EngineError {
  return new EngineError('budget', {
    what: 'A subnet of whole heads and neurons',
    expected: `a budget of at most ${most} block parameters that leaves every block some of both`,
    found: `${budget}`,
    action: 'Choose another ratio.',
    sentence: `Whole heads and neurons cannot spend a budget of ${budget} block parameters so that every block keeps some of both.`,
  });
}
