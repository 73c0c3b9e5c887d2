import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { inverse } from 'ml-matrix';
import { copyOf, type Matrix } from '../../../src/engine/numeric/matrix.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { SolverGemm } from '../../../src/engine/runtime/solverGemm.ts';
import { inverseRoot } from '../../../src/engine/sparsity/inverseRoot.ts';
import type { Pattern } from '../../../src/engine/sparsity/pattern.ts';
import { sparseGptSweep } from '../../../src/engine/sparsity/sparseGpt.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import {
  correlatedInputs,
  fromOracle,
  gramOf,
  randomMatrix,
  relativeDifference,
  toOracle,
} from '../../fixtures/randomMatrix.ts';

const runtime = new Runtime('cpu', 2);
const gemm = new SolverGemm(runtime);
after(() => runtime.release());

const DAMPING = 0.01;

describe('the root of an inverse', () => {
  for (const n of [1, 7, 128, 300]) {
    it(`of order ${n} squared is the inverse of the damped matrix`, async () => {
      const gram = gramOf(correlatedInputs(n, 2 * n + 3, n));
      const { upper } = await inverseRoot(gemm, gram, { damping: DAMPING, what: 'a layer' });
      const u = toOracle(upper);
      const found = fromOracle(u.transpose().mmul(u)).data;
      assert.ok(relativeDifference(found, fromOracle(inverse(damped(gram))).data) < 1e-7);
      const below = upper.data.filter((_, i) => i % n < Math.floor(i / n));
      assert.ok(below.every((value) => value === 0));
    });
  }

  it('counts dead inputs as alive, and refuses what is not finite', async () => {
    const gram = gramOf(correlatedInputs(1, 30, 6));
    for (let i = 0; i < 6; i++) gram.data[2 * 6 + i] = gram.data[i * 6 + 2] = 0;
    const { dead, upper } = await inverseRoot(gemm, gram, { damping: DAMPING, what: 'a layer' });
    assert.deepEqual(dead, [2]);
    assert.ok(upper.data.every(Number.isFinite));
    gram.data[0] = NaN;
    await assert.rejects(
      inverseRoot(gemm, gram, { damping: DAMPING, what: 'a layer' }),
      (error) => isEngineError(error, 'numeric') && error.message.includes('a layer'),
    );
  });
});

describe('SparseGPT', () => {
  it('gives the weights and masks of the plain algorithm, whatever the group', async () => {
    const patterns = fc.oneof(
      fc
        .tuple(fc.constantFrom(2, 3, 4, 5, 8, 16, 33, 48, 64), fc.nat(100))
        .map(([m, n]): Pattern => ({ kind: 'nm', n: 1 + (n % (m - 1)), m })),
      fc
        .constantFrom(0.3, 0.5, 0.8)
        .map((fraction): Pattern => ({ kind: 'unstructured', fraction })),
    );
    const cases = fc.record({
      pattern: patterns,
      groups: fc.integer({ min: 1, max: 4 }),
      rest: fc.oneof(fc.constant(0), fc.nat(64)),
      outputs: fc.integer({ min: 1, max: 9 }),
      seed: fc.nat(1000),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ pattern, groups, rest, outputs, seed }) => {
        const inputs =
          pattern.kind === 'nm' ? groups * pattern.m + (rest % pattern.m) : groups * 61;
        const gram = gramOf(correlatedInputs(seed, 2 * inputs, inputs));
        const weight = randomMatrix(seed + 9, inputs, outputs);
        const root = await inverseRoot(gemm, gram, { damping: DAMPING, what: 'a layer' });
        const options = { pattern, what: 'a layer', remainder: 'padded' } as const;
        const found = await sparseGptSweep(gemm, copyOf(weight), root, options);
        const expected = plain(weight, root.upper, pattern);
        assert.deepEqual(found.flags, expected.flags);
        assert.ok(relativeDifference(found.weight.data, expected.weight.data) < 1e-9);
        found.flags.forEach((flag, i) => {
          if (flag === 0) assert.equal(found.weight.data[i], 0);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('leaves less error than dropping the same weights alone', async () => {
    const gram = gramOf(correlatedInputs(5, 400, 128));
    const weight = randomMatrix(6, 128, 20);
    const root = await inverseRoot(gemm, gram, { damping: DAMPING, what: 'a layer' });
    const pattern: Pattern = { kind: 'nm', n: 2, m: 4 };
    const { weight: updated, flags } = await sparseGptSweep(gemm, copyOf(weight), root, {
      ...{ pattern, what: 'a layer' },
    });
    const cut = { ...weight, data: weight.data.map((value, i) => value * flags[i]!) };
    assert.ok(errorOf(gram, weight, updated) < 0.5 * errorOf(gram, weight, cut));
  });

  it('refuses a pattern that leaves a remainder', async () => {
    const root = await inverseRoot(gemm, gramOf(randomMatrix(1, 20, 6)), {
      ...{ damping: DAMPING, what: 'a layer' },
    });
    await assert.rejects(
      sparseGptSweep(gemm, randomMatrix(2, 6, 3), root, {
        ...{ pattern: { kind: 'nm', n: 2, m: 4 }, what: 'a layer' },
      }),
      (error) => isEngineError(error, 'config'),
    );
  });
});

function damped(gram: Matrix): ReturnType<typeof toOracle> {
  const oracle = toOracle(gram);
  const ridge = (DAMPING * oracle.trace()) / gram.rows;
  for (let i = 0; i < gram.rows; i++) oracle.set(i, i, oracle.get(i, i) + ridge);
  return oracle;
}

function errorOf(gram: Matrix, weight: Matrix, other: Matrix): number {
  const change = toOracle(weight).sub(toOracle(other));
  return change.transpose().mmul(toOracle(gram)).mmul(change).trace();
}

/** One input after the other, every update at once. */
function plain(
  dense: Matrix,
  upper: Matrix,
  pattern: Pattern,
): { weight: Matrix; flags: Uint8Array } {
  const weight = copyOf(dense);
  const { rows: n, columns, data } = weight;
  const flags = new Uint8Array(data.length).fill(1);
  const step = pattern.kind === 'nm' ? pattern.m : 128;
  const score = (i: number): number =>
    Math.fround(Math.abs(data[i]!) * (1 / upper.data[Math.floor(i / columns) * (n + 1)]!));
  for (let i = 0; i < n; i++) {
    if (i % step === 0) {
      const end = Math.min(n, i + step);
      const all = Array.from({ length: (end - i) * columns }, (_, k) => i * columns + k);
      const groups =
        pattern.kind === 'nm'
          ? Array.from({ length: columns }, (_, c) => all.filter((k) => k % columns === c))
          : [all];
      for (const group of groups) {
        const drop =
          pattern.kind === 'nm'
            ? Math.max(0, group.length - pattern.n)
            : Math.floor(group.length * pattern.fraction + 1e-9);
        const order = group.toSorted((a, b) => score(a) - score(b) || b - a);
        for (const k of order.slice(0, drop)) flags[k] = 0;
      }
    }
    for (let c = 0; c < columns; c++) {
      if (flags[i * columns + c] === 1) continue;
      const error = data[i * columns + c]! / upper.data[i * n + i]!;
      for (let k = i; k < n; k++) data[k * columns + c]! -= error * upper.data[i * n + k]!;
      data[i * columns + c] = 0;
    }
  }
  return { weight, flags };
}
