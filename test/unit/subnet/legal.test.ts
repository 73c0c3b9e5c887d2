import assert from 'node:assert/strict';
import test from 'node:test';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { countParameters } from '../../../src/engine/model/cost.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { denseSubnet, type HeadMask, type Subnet } from '../../../src/engine/model/subnet.ts';
import { oddLlama, tinyLlama } from './shapes.ts';

const dense = denseSubnet(tinyLlama);

function withHead(head: HeadMask): Subnet {
  const first = dense.layers[0]!;
  return { layers: [{ ...first, heads: [head, first.heads[1]!] }, ...dense.layers.slice(1)] };
}

function checkIllegal(subnet: Subnet, message: RegExp): void {
  assert.throws(
    () => assertLegal(tinyLlama, subnet),
    (error) => isEngineError(error, 'shape') && message.test(error.message),
  );
}

test('dense and empty blocks are legal', () => {
  assertLegal(tinyLlama, dense);
  const none = new Uint32Array(0);
  const empty = { heads: [0, 1].map(() => ({ qk: none, vo: none })), mlp: none };
  assertLegal(tinyLlama, { layers: [empty, ...dense.layers.slice(1)] });
});

test('a mask that does not fit is named with its place', () => {
  const vo = Uint32Array.of(1);
  checkIllegal({ layers: dense.layers.slice(1) }, /subnet has 3 blocks, the model 4/);
  checkIllegal(
    withHead({ qk: Uint32Array.of(2, 1), vo }),
    /layers\[0\]\.heads\[0\]\.qk.*1 after 2/,
  );
  checkIllegal(withHead({ qk: Uint32Array.of(2, 2), vo }), /2 after 2/);
  checkIllegal(withHead({ qk: Uint32Array.of(8), vo }), /from 0 to 7/);
  checkIllegal(withHead({ qk: new Uint32Array(0), vo }), /keeps some of both or none of both/);
  const heads = [dense.layers[0]!.heads[0]!];
  checkIllegal(
    { layers: [{ heads, mlp: vo }, ...dense.layers.slice(1)] },
    /has 1 key\/value heads, the model 2/,
  );
});

test('with tied masks no lone value dimension can be spent', () => {
  const odd = denseSubnet(oddLlama);
  const { block } = countParameters(oddLlama, odd);
  // g = 1: value dimension 2H, neuron 3H, tied unit 4H + 2 · 2H.
  assertOnBudget(oddLlama, odd, block + 3 * 12 - 1, 'tied');
  for (const [left, masks] of [
    [3 * 12, 'tied'],
    [2 * 12, 'decoupled'],
  ] as const) {
    assert.throws(
      () => assertOnBudget(oddLlama, odd, block + left, masks),
      (error) => isEngineError(error, 'budget'),
    );
  }
});

test('a budget is spent when less than the cheapest unit is left of it', () => {
  const { block } = countParameters(tinyLlama, dense);
  // g = 2: q/k pair 6H, value dimension 3H, neuron 3H.
  const cheapest = 3 * 16;
  assertOnBudget(tinyLlama, dense, block);
  assertOnBudget(tinyLlama, dense, block + cheapest - 1);
  for (const budget of [block - 1, block + cheapest]) {
    assert.throws(
      () => assertOnBudget(tinyLlama, dense, budget),
      (error) => isEngineError(error, 'budget') && error.message.includes(`${block}`),
    );
  }
});
