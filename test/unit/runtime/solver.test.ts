import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { inverse, Matrix as Oracle, solve } from 'ml-matrix';
import { copyOf, type Matrix, zeros } from '../../../src/engine/numeric/matrix.ts';
import { meanDiagonal } from '../../../src/engine/numeric/symmetric.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import {
  fromOracle,
  gramOf,
  randomMatrix,
  relativeDifference,
  toOracle,
} from '../../fixtures/randomMatrix.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

const what = 'a test matrix';

function damped(gram: Matrix, ridge: number): Oracle {
  return toOracle(gram).add(Oracle.eye(gram.rows).mul(ridge));
}

// One column; one block; a whole number of blocks; a last block of one row; several uneven blocks.
for (const [n, columns] of [
  [1, 1],
  [7, 2],
  [128, 3],
  [129, 1],
  [256, 40],
  [300, 17],
] as const) {
  const gram = gramOf(randomMatrix(n, n + 20, n));
  const ridge = 0.01 * meanDiagonal(gram);

  test(`solves order ${n} with ${columns} right-hand sides as the oracle does`, async () => {
    const rhs = randomMatrix(n + 1, n, columns);
    const before = { gram: copyOf(gram), rhs: copyOf(rhs) };
    const x = await solver.solve(gram, rhs, { ridge, what });
    const expected = fromOracle(solve(damped(gram, ridge), toOracle(rhs)));
    assert.ok(relativeDifference(x.data, expected.data) < 1e-10);
    assert.deepEqual({ gram, rhs }, before, 'the inputs are only read');
  });

  test(`gives the diagonal of the inverse of order ${n}`, async () => {
    const factor = await solver.factor(gram, { ridge, what });
    const expected = inverse(damped(gram, ridge)).diagonal();
    const actual = await factor.inverseDiagonal();
    assert.ok(relativeDifference(actual, Float64Array.from(expected)) < 1e-10);
    assert.equal(factor.ridge, ridge);
  });
}

test('solves from the lower triangle alone', async () => {
  const gram = gramOf(randomMatrix(3, 320, 300));
  const lower = copyOf(gram);
  for (let i = 0; i < 300; i++) lower.data.fill(NaN, i * 300 + i + 1, (i + 1) * 300);
  const rhs = randomMatrix(4, 300, 2);
  const full = await solver.solve(gram, rhs, { ridge: 1, what });
  assert.deepEqual(await solver.solve(lower, rhs, { ridge: 1, what }), full);
});

test('products agree with the oracle for every transposition', async () => {
  const a = randomMatrix(1, 7, 5);
  const b = randomMatrix(2, 5, 9);
  const at = fromOracle(toOracle(a).transpose());
  const bt = fromOracle(toOracle(b).transpose());
  const expected = fromOracle(toOracle(a).mmul(toOracle(b)));
  const products = [
    await solver.multiply(a, b),
    await solver.multiply(at, b, undefined, { a: true }),
    await solver.multiply(a, bt, undefined, { b: true }),
    await solver.multiply(at, bt, undefined, { a: true, b: true }),
  ];
  for (const product of products) {
    assert.deepEqual([product.rows, product.columns], [7, 9]);
    assert.ok(relativeDifference(product.data, expected.data) < 1e-14);
  }
});

test('subtracts a product in place', async () => {
  const a = randomMatrix(1, 70, 50);
  const b = randomMatrix(2, 50, 90);
  const out = randomMatrix(3, 70, 90);
  const expected = toOracle(out).sub(toOracle(a).mmul(toOracle(b)));
  await solver.subtractProduct(out, a, b);
  assert.ok(relativeDifference(out.data, fromOracle(expected).data) < 1e-13);
});

test('raises a ridge that is too small and says what it used', async () => {
  const lowRank = gramOf(randomMatrix(5, 20, 150));
  const factor = await solver.factor(lowRank, { ridge: 0, what });
  assert.ok(factor.ridge > 0 && factor.ridge <= 1e-6 * meanDiagonal(lowRank));
  const rhs = await solver.multiply(lowRank, randomMatrix(6, 150, 2));
  const residual = copyOf(rhs);
  await solver.subtractProduct(residual, lowRank, await factor.solve(rhs));
  for (let i = 0; i < rhs.data.length; i++) residual.data[i]! += rhs.data[i]!;
  assert.ok(relativeDifference(residual.data, rhs.data) < 1e-5);
});

test('gives up on an indefinite matrix after three raises, naming it and the row', async () => {
  const gram = gramOf(randomMatrix(7, 250, 200));
  gram.data[140 * 201] = -1e6;
  await assert.rejects(
    solver.factor(gram, { ridge: 1e-3, what: 'block 3: a Gram matrix' }),
    (error) =>
      isEngineError(error, 'numeric') &&
      error.problem.what === 'block 3: a Gram matrix' &&
      error.problem.found.includes('row 140 with 1 added'),
  );
});

test('refuses values that are not finite at once', async () => {
  for (const bad of [NaN, Infinity]) {
    const gram = gramOf(randomMatrix(8, 20, 10));
    gram.data[5 * 10 + 2] = bad;
    await assert.rejects(
      solver.factor(gram, { ridge: 1, what }),
      (error) => isEngineError(error, 'numeric') && error.problem.expected.includes('finite'),
    );
  }
});

test('refuses a matrix that is not square', async () => {
  await assert.rejects(solver.factor(zeros(2, 3), { ridge: 1, what }), (error) =>
    isEngineError(error, 'shape'),
  );
});

test('lets the event loop turn before each native call', async () => {
  const gram = gramOf(randomMatrix(9, 520, 512));
  let working = true;
  let turns = 0;
  const count = (): void => {
    turns++;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  await solver.factor(gram, { ridge: 1, what });
  working = false;
  // Four panels: 6 products update a panel by an earlier one, 3 scale the rows below a block.
  assert.ok(turns >= 9, `${turns} turns`);
});

test('stops between the native calls of one factorisation', async () => {
  const gram = gramOf(randomMatrix(9, 520, 512));
  const controller = new AbortController();
  // The first call has let the event loop turn by then; the others are still to come.
  setImmediate(() => {
    controller.abort();
  });
  await assert.rejects(solver.factor(gram, { ridge: 1, what }, controller.signal), (error) =>
    isEngineError(error, 'cancelled'),
  );
});

test('refuses a runtime without float64 products', () => {
  assert.throws(
    () => new Solver(new Runtime('webgpu', 1)),
    (error) => isEngineError(error, 'device'),
  );
});

test('makes new sessions after a release', async () => {
  const own = new Solver(new Runtime('cpu', 1));
  const gram = gramOf(randomMatrix(10, 30, 20));
  const first = await (await own.factor(gram, { ridge: 1, what })).inverseDiagonal();
  await own.release();
  const second = await (await own.factor(gram, { ridge: 1, what })).inverseDiagonal();
  assert.deepEqual(second, first);
  await own.release();
});
