import assert from 'node:assert/strict';
import test from 'node:test';
import { blockOf } from '../../../src/engine/model/block.ts';
import { qkRunsOf, unitsInRun } from '../../../src/engine/model/unitRuns.ts';
import { partlyRotated, tinyLlama, tinyOpt } from '../subnet/shapes.ts';

test('a head that is rotated in part has a run of pairs and a run of single dimensions', () => {
  assert.deepEqual(qkRunsOf(blockOf(partlyRotated, 0).attention), [
    { kind: 'pair', first: 0, count: 2, dims: 2 },
    { kind: 'single', first: 2, count: 4, dims: 1 },
  ]);
});

test('a head of one kind of unit has one run, which may differ from block to block', () => {
  const runs = [blockOf(partlyRotated, 1), blockOf(tinyLlama, 0), blockOf(tinyOpt, 0)].map(
    ({ attention }) => qkRunsOf(attention),
  );
  assert.deepEqual(runs, [
    [{ kind: 'pair', first: 0, count: 4, dims: 2 }],
    [{ kind: 'pair', first: 0, count: 8, dims: 2 }],
    [{ kind: 'single', first: 0, count: 8, dims: 1 }],
  ]);
});

test('a head that is normalised is one unit of all its dimensions', () => {
  const { attention } = blockOf(tinyLlama, 0);
  const qkNorm = { kind: 'rms', epsilon: 1e-6, gainOffset: 0 } as const;
  const runs = qkRunsOf({ ...attention, qkNorm });
  assert.deepEqual(runs, [{ kind: 'head', first: 0, count: 1, dims: 16 }]);
});

test('units are split by run', () => {
  const runs = qkRunsOf(blockOf(partlyRotated, 0).attention);
  for (const units of [[0, 1, 2, 5], [0], [3, 4], []]) {
    const kept = Uint32Array.from(units);
    const parts = runs.map((run) => unitsInRun(run, kept));
    assert.deepEqual(
      parts.map((part) => [...part]),
      [units.filter((unit) => unit < 2), units.filter((unit) => unit >= 2).map((unit) => unit - 2)],
    );
  }
});
