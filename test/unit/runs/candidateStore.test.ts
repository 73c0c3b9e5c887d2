import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  candidateKeys,
  CandidateStore,
  readCandidate,
  readCandidateAt,
} from '../../../src/engine/runs/candidateStore.ts';
import type { UnitLayout } from '../../../src/protocol/unitLayout.ts';

const root = mkdtempSync(join(tmpdir(), 'subnet-candidates-'));
after(() => {
  rmSync(root, { recursive: true });
});

const layout: UnitLayout = {
  ...{ layers: 2, kvHeads: 1, qkUnits: 2, headDim: 4, intermediate: 6 },
  ...{ perLayer: 12, bytesPerLayer: 2 },
};
const RECORD_BYTES = 12;
const key = (n: number): string => n.toString(16).padStart(16, '0');
const bits = (n: number): Uint8Array => Uint8Array.of(n, n + 1, n + 2, n + 3);

test('candidates are read in the order they were added, also while more are added', () => {
  const folder = mkdtempSync(join(root, 'run-'));
  assert.deepEqual(candidateKeys(folder, layout), []);
  assert.equal(readCandidate(folder, layout, key(1)), undefined);
  const store = new CandidateStore(folder, layout);
  store.append(key(0xfeed_beef), bits(1));
  assert.deepEqual(candidateKeys(folder, layout), [key(0xfeed_beef)]);
  store.append(key(2), bits(20));
  assert.deepEqual(candidateKeys(folder, layout, 1), [key(2)]);
  assert.deepEqual(new Uint8Array(readCandidate(folder, layout, key(2))!), bits(20));
  assert.deepEqual(new Uint8Array(readCandidateAt(folder, layout, 0)!), bits(1));
  assert.equal(readCandidateAt(folder, layout, 2), undefined);
  assert.equal(readCandidate(folder, layout, key(3)), undefined);
  store.close();
});

test('a torn record is not read, and is cut off before more are added', () => {
  const folder = mkdtempSync(join(root, 'run-'));
  const path = join(folder, 'masks', 'candidates.bin');
  const first = new CandidateStore(folder, layout);
  first.append(key(1), bits(1));
  first.close();
  appendFileSync(path, new Uint8Array(RECORD_BYTES - 1));
  assert.deepEqual(candidateKeys(folder, layout), [key(1)]);
  const second = new CandidateStore(folder, layout);
  second.append(key(2), bits(2));
  second.close();
  assert.deepEqual(candidateKeys(folder, layout), [key(1), key(2)]);
  assert.equal(statSync(path).size, 2 * RECORD_BYTES);
});

test('of two records of a key the last one counts', () => {
  const folder = mkdtempSync(join(root, 'run-'));
  const store = new CandidateStore(folder, layout);
  for (const [k, b] of [
    [1, 1],
    [2, 2],
    [1, 9],
  ] as const) {
    store.append(key(k), bits(b));
  }
  store.close();
  assert.deepEqual(new Uint8Array(readCandidate(folder, layout, key(1))!), bits(9));
});

test('a full store says so and keeps what it has', () => {
  const folder = mkdtempSync(join(root, 'run-'));
  const store = new CandidateStore(folder, layout, 2 * RECORD_BYTES);
  assert.deepEqual(
    [1, 2, 3].map((n) => store.append(key(n), bits(n))),
    [true, true, false],
  );
  store.close();
  assert.deepEqual(candidateKeys(folder, layout), [key(1), key(2)]);
});
