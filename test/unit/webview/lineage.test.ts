import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CandidateIndex } from '../../../webview/data/candidateIndex.ts';
import { lineageOf } from '../../../webview/data/lineage.ts';
import { maskDifference } from '../../../webview/data/maskDifference.ts';
import { SearchProgress } from '../../../webview/data/searchProgress.ts';
import { evaluated, key, snapshotOf } from './recordedModel.ts';

const bodies = [
  evaluated(1, 0, 9),
  evaluated(2, 0, 8),
  evaluated(3, 1, 7, [1, 2]),
  evaluated(4, 2, 6, [3]),
];
const { candidates } = snapshotOf(bodies).model;

it('goes back over the fitter parent of each subnet to an initial one', () => {
  const index = new CandidateIndex();
  index.update(candidates);
  const line = lineageOf(key(4), (wanted) => index.get(wanted));
  assert.deepEqual(
    line.map(({ candidate, parent, other }) => [candidate.key, parent, other]),
    [
      [key(4), key(3), null],
      [key(3), key(2), key(1)],
      [key(2), null, null],
    ],
  );
});

it('ends where a parent is not known, and does not go in circles', () => {
  const odd = snapshotOf([
    evaluated(5, 0, 9, [6]),
    evaluated(6, 0, 8, [5]),
    evaluated(7, 1, 7, [99]),
  ]);
  const index = new CandidateIndex();
  index.update(odd.model.candidates);
  const find = (wanted: string): (typeof candidates)[number] | undefined => index.get(wanted);
  assert.equal(lineageOf(key(5), find).length, 2);
  assert.equal(lineageOf(key(7), find).length, 1);
  assert.deepEqual(lineageOf(key(42), find), []);
});

it('knows the best of a search as it grows, and how long ago it was found', () => {
  const progress = new SearchProgress();
  for (let count = 0; count <= candidates.length; count++) {
    progress.update(candidates.slice(0, count));
  }
  assert.equal(progress.best?.key, key(4));
  assert.equal(progress.first, 9);
  assert.equal(progress.since, 0);
  const next = { key: key(8), place: candidates.length + 1, fitness: 12 };
  progress.update([...candidates, { ...candidates[0]!, ...next }]);
  assert.equal(progress.since, 1);
});

it('counts the units that two masks do not share', () => {
  const [a, b] = [Uint8Array.of(0b1111_0000, 1), Uint8Array.of(0b1100_1100, 1)];
  assert.deepEqual(maskDifference(a, b), { differing: 4, kept: 5 });
  assert.deepEqual(maskDifference(a, a), { differing: 0, kept: 5 });
  assert.equal(maskDifference(a, Uint8Array.of(1)), null);
});
