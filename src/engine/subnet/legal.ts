import { EngineError } from '../../protocol/errors.ts';
import { blocksOf, qkUnitCount } from '../model/block.ts';
import { countParameters, unitCosts } from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { denseMask, isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';
import { qkRunsOf } from '../model/unitRuns.ts';
import type { AttentionMasks } from './select.ts';

/**
 * Checks that a subnet fits a model: one mask per block and head, indices ascending and of units that
 * the model has, no head with query/key units or value dimensions alone.
 * @throws EngineError  `shape`, naming the first place that is wrong
 */
export function assertLegal(shape: ModelShape, subnet: Subnet): void {
  expectCount('subnet', 'blocks', shape.layers, subnet.layers.length);
  for (const [l, block] of blocksOf(shape).entries()) {
    const { attention, mlp, held } = block;
    const layer = subnet.layers[l]!;
    const qkUnits = qkUnitCount(attention);
    expectCount(`layers[${l}]`, 'key/value heads', attention.kvHeads, layer.heads.length);
    for (const [h, head] of layer.heads.entries()) {
      const path = `layers[${l}].heads[${h}]`;
      expectAscending(`${path}.qk`, head.qk, qkUnits);
      expectAscending(`${path}.vo`, head.vo, attention.headDim);
      if ((head.qk.length === 0) !== (head.vo.length === 0)) {
        const found = `${head.qk.length} q/k units and ${head.vo.length} value dimensions`;
        throw illegal(
          ...[path, 'q/k units and value dimensions both kept or both removed', found],
          `keeps ${found}; a head keeps some of both or none of both`,
        );
      }
    }
    expectAscending(`layers[${l}].mlp`, layer.mlp, mlp.intermediate);
    if (held !== null) expectHeld(`layers[${l}]`, layer, held);
  }
}

/**
 * Checks that a subnet spends its budget: no parameter more, and less than the cheapest unit left.
 * @param budget  block parameters
 * @param masks  what its units are; a tied search has no v/o unit of its own to spend
 * @throws EngineError  `budget` when it does not
 */
export function assertOnBudget(
  shape: ModelShape,
  subnet: Subnet,
  budget: number,
  masks: AttentionMasks = 'decoupled',
): void {
  const { block } = countParameters(shape, subnet);
  const cheapest = cheapestUnit(shape, masks);
  if (block > budget || block <= budget - cheapest) {
    throw new EngineError('budget', {
      what: 'The subnet',
      expected: `more than ${budget - cheapest} and at most ${budget} block parameters`,
      found: `${block}`,
      action: 'Repair it to the budget before use.',
      sentence: `The subnet has ${block} block parameters, but must have more than ${budget - cheapest} and at most ${budget}.`,
    });
  }
}

/** Parameters of the cheapest unit that can be kept or removed, the resolution of every budget. */
export function cheapestUnit(shape: ModelShape, masks: AttentionMasks = 'decoupled'): number {
  const cheapest = blocksOf(shape).flatMap((block) => {
    const costs = unitCosts(block);
    const runs = qkRunsOf(block.attention);
    const dense = denseMask(block);
    const tied = runs.map(({ kind, dims }) => costs[kind] + dims * costs.vo);
    const ofAttention =
      masks === 'tied' ? tied : [...runs.map(({ kind }) => costs[kind]), costs.vo];
    return [
      ...(isPresent('attention', dense) ? ofAttention : []),
      ...(isPresent('mlp', dense) ? [costs.mlp] : []),
    ];
  });
  return Math.min(...cheapest);
}

/** Checks that a mask names no unit that was removed before. */
function expectHeld(path: string, mask: LayerMask, held: LayerMask): void {
  const expect = (place: string, kept: Uint32Array, among: Uint32Array): void => {
    const there = new Set(among);
    const missing = kept.find((unit) => !there.has(unit));
    if (missing === undefined) return;
    const expected = `units that the model has: ${among.length} here`;
    const flaw = `keeps unit ${missing}, which was removed from the model before`;
    throw illegal(`${path}${place}`, expected, `unit ${missing}`, flaw);
  };
  mask.heads.forEach(({ qk, vo }, h) => {
    expect(`.heads[${h}].qk`, qk, held.heads[h]!.qk);
    expect(`.heads[${h}].vo`, vo, held.heads[h]!.vo);
  });
  expect('.mlp', mask.mlp, held.mlp);
}

function expectCount(path: string, noun: string, expected: number, found: number): void {
  if (found !== expected) {
    throw illegal(
      path,
      `${expected} ${noun}`,
      `${found}`,
      `has ${found} ${noun}, the model ${expected}`,
    );
  }
}

function expectAscending(path: string, indices: Uint32Array, units: number): void {
  let previous = -1;
  for (const index of indices) {
    if (index <= previous || index >= units) {
      const expected = `ascending indices from 0 to ${units - 1}`;
      const found = `${index} after ${previous}`;
      throw illegal(path, expected, found, `must have ${expected}, but has ${found}`);
    }
    previous = index;
  }
}

function illegal(path: string, expected: string, found: string, flaw: string): EngineError {
  return new EngineError('shape', {
    what: `Subnet mask ${path}`,
    ...{ expected, found },
    sentence: `The subnet does not fit the model: ${path} ${flaw}.`,
    action: 'Use the subnet with the model it was made for.',
  });
}
