import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inverse, solve } from 'ml-matrix';
import { choleskyInPlace, solveCholesky } from '../../../src/engine/numeric/cholesky.ts';
import { factorBlock, invertLower } from '../../../src/engine/numeric/diagonalBlock.ts';
import { copyOf, type Matrix } from '../../../src/engine/numeric/matrix.ts';
import {
  fromOracle,
  gramOf,
  randomMatrix,
  relativeDifference,
  toOracle,
} from '../../fixtures/randomMatrix.ts';

function lowerOf(matrix: Matrix): Matrix {
  const lower = copyOf(matrix);
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = i + 1; j < matrix.columns; j++) lower.data[i * matrix.columns + j] = 0;
  }
  return lower;
}

const orders = [1, 2, 3, 4, 5, 8, 17, 64];

for (const n of orders) {
  const gram = gramOf(randomMatrix(n, n + 5, n));

  test(`plain Cholesky solves a system of order ${n} as the oracle does`, () => {
    const factor = copyOf(gram);
    const x = randomMatrix(n + 100, n, 3);
    const expected = fromOracle(solve(toOracle(gram), toOracle(x)));
    assert.equal(choleskyInPlace(factor.data, n), -1);
    solveCholesky(factor.data, n, x.data, 3);
    assert.ok(relativeDifference(x.data, expected.data) < 1e-8);
  });

  test(`the register-blocked factor of order ${n} equals the plain one`, () => {
    const plain = copyOf(gram);
    const blocked = copyOf(gram);
    choleskyInPlace(plain.data, n);
    assert.equal(factorBlock(blocked.data, n, new Float64Array(n)), -1);
    assert.ok(relativeDifference(blocked.data, plain.data) < 1e-12);
  });

  test(`the triangular inverse of order ${n} equals the oracle's`, () => {
    const factor = copyOf(gram);
    choleskyInPlace(factor.data, n);
    const expected = fromOracle(inverse(toOracle(lowerOf(factor))));
    assert.ok(relativeDifference(invertLower(factor.data, n), expected.data) < 1e-10);
  });
}

test('both factorisations name the first row that is not positive definite', () => {
  for (const row of [0, 1, 2, 3, 4]) {
    const data = new Float64Array(25);
    for (let i = 0; i < 5; i++) data[i * 6] = i === row ? -1 : 1;
    assert.equal(choleskyInPlace(data.slice(), 5), row);
    assert.equal(factorBlock(data, 5, new Float64Array(5)), row);
    assert.equal(data[row * 6], -1, 'the failing pivot is left on the diagonal');
  }
});

test('a pivot that is not a number fails', () => {
  const data = Float64Array.of(1, 0, NaN, 1);
  assert.equal(choleskyInPlace(data.slice(), 2), 1);
  assert.equal(factorBlock(data, 2, new Float64Array(2)), 1);
});

test('a pivot must exceed its floor in every row', () => {
  for (const row of [0, 1, 2, 3, 4]) {
    const data = new Float64Array(25);
    for (let i = 0; i < 5; i++) data[i * 6] = 1;
    const floors = new Float64Array(5);
    assert.equal(factorBlock(data.slice(), 5, floors), -1);
    floors[row] = 1;
    assert.equal(factorBlock(data, 5, floors), row);
  }
});
