import assert from 'node:assert/strict';
import test from 'node:test';
import { allocate, type Lot } from '../../../src/engine/search/allocate.ts';

function lot(count: number, cost: number, more: Partial<Lot> = {}): Lot {
  return { count, cost, least: 1, most: 100, weight: 1, ...more };
}

function spent(lots: readonly Lot[], counts: readonly number[]): number {
  return lots.reduce((sum, { cost }, i) => sum + cost * counts[i]!, 0);
}

test('a target already met moves nothing', () => {
  assert.deepEqual(allocate([lot(10, 4), lot(20, 3)], 100), [10, 20]);
});

test('an excess is shared in proportion to what each lot can give', () => {
  const lots = [lot(51, 1), lot(21, 1), lot(11, 1)];
  assert.deepEqual(allocate(lots, 43), [26, 11, 6]);
});

test('a lot of weight 0 moves only when the others cannot', () => {
  const lots = [lot(50, 1, { weight: 0 }), lot(50, 1, { least: 30 })];
  assert.deepEqual(allocate(lots, 85), [50, 35]);
  assert.deepEqual(allocate(lots, 70), [40, 30]);
});

test('a remainder is closed by one costly unit in for some cheap ones', () => {
  // 8a + 4b + 3c: one short of the target, so 4 in and 3 out.
  const lots = [lot(10, 8), lot(10, 4), lot(10, 3)];
  const counts = allocate(lots, 151)!;
  assert.equal(spent(lots, counts), 151);
  assert.deepEqual(counts, [10, 11, 9]);
});

test('what the common divisor of the sizes cannot reach is left over', () => {
  const lots = [lot(10, 8), lot(10, 4)];
  assert.equal(spent(lots, allocate(lots, 123)!), 120);
});

test('sizes that are nearly coprime are not exchanged by the hundred', () => {
  // Exactness would take 700 units of the one for 700 of the other.
  const lots = [lot(900, 1538, { most: 2000 }), lot(900, 1537, { most: 2000 })];
  const counts = allocate(lots, 900 * (1538 + 1537) + 700)!;
  assert.deepEqual(counts, [900, 900]);
});

test('when the cheapest kind is used up a costlier one takes its place', () => {
  const lots = [lot(10, 8), lot(5, 3, { most: 5 })];
  const counts = allocate(lots, 100)!;
  const total = spent(lots, counts);
  assert.ok(total > 97 && total <= 100, `${total}`);
});

test('bounds that allow nothing give null', () => {
  assert.equal(allocate([lot(5, 4, { least: 5, most: 9 })], 16), null);
  assert.equal(allocate([lot(5, 4, { least: 5, most: 9 })], 40), null);
});

test('counts outside their bounds come inside first', () => {
  const lots = [lot(200, 1, { least: 10 }), lot(0, 1, { least: 10 })];
  assert.deepEqual(allocate(lots, 110), [100, 10]);
});
