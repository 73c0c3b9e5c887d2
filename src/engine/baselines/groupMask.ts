import { EngineError } from '../../protocol/errors.ts';
import { type ModelShape, qkUnitsPerHead } from '../model/modelShape.ts';
import type { HeadMask, LayerMask } from '../model/subnet.ts';
import { blockOf } from '../model/block.ts';
import { denseParameters, unitCosts, type UnitCosts } from '../model/cost.ts';

/** Parameters of the units that whole-head methods remove. */
export interface GroupCosts extends UnitCosts {
  /** A key/value head with its query heads. */
  readonly head: number;
}

/** What removing a whole head or a neuron saves. */
export function groupCosts(shape: ModelShape): GroupCosts {
  const block = blockOf(shape, 0);
  const costs = unitCosts(block);
  const units = denseParameters(block, 'attention') - costs.attentionFixed;
  return { ...costs, head: units / shape.kvHeads };
}

/**
 * The mask that keeps whole heads and single neurons.
 * @param heads  kept key/value heads
 * @param neurons  kept neurons, ascending
 */
export function groupMask(
  shape: ModelShape,
  heads: ReadonlySet<number>,
  neurons: Uint32Array,
): LayerMask {
  const whole: HeadMask = { qk: upTo(qkUnitsPerHead(shape)), vo: upTo(shape.headDim) };
  const none: HeadMask = { qk: new Uint32Array(0), vo: new Uint32Array(0) };
  return {
    heads: Array.from({ length: shape.kvHeads }, (_, h) => (heads.has(h) ? whole : none)),
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

function upTo(n: number): Uint32Array {
  return Uint32Array.from({ length: n }, (_, index) => index);
}
