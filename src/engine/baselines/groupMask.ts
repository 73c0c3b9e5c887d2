import { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { HeadMask, LayerMask } from '../model/subnet.ts';
import { type Attention, blockOf, qkUnitCount } from '../model/block.ts';
import { denseParameters, unitCosts, type UnitCosts } from '../model/cost.ts';

/** Parameters of the units that whole-head methods remove. */
export interface GroupCosts extends UnitCosts {
  /** A key/value head with its query heads. */
  readonly head: number;
}

/** What removing a whole head or a neuron saves, in every block the same. */
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
  attention: Attention,
  heads: ReadonlySet<number>,
  neurons: Uint32Array,
): LayerMask {
  const whole: HeadMask = { qk: upTo(qkUnitCount(attention)), vo: upTo(attention.headDim) };
  const none: HeadMask = { qk: new Uint32Array(0), vo: new Uint32Array(0) };
  return {
    heads: Array.from({ length: attention.kvHeads }, (_, h) => (heads.has(h) ? whole : none)),
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
