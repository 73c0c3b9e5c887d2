import assert from 'node:assert/strict';
import { test } from 'node:test';
import { centredMoments, rowTimes } from '../../../src/engine/numeric/centring.ts';
import {
  complementOf,
  gatherEntries,
  gatherRows,
  subMatrix,
} from '../../../src/engine/numeric/gather.ts';
import { matrixOf, rowsOf } from '../../../src/engine/numeric/matrix.ts';
import { innerProduct, meanDiagonal } from '../../../src/engine/numeric/symmetric.ts';
import { rankDescending, topK } from '../../../src/engine/numeric/topK.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMatrix, relativeDifference, toOracle } from '../../fixtures/randomMatrix.ts';

test('takes the largest scores, in ascending order of index', () => {
  assert.deepEqual(topK(Float64Array.of(3, 9, 1, 7), 2), Uint32Array.of(1, 3));
});

test('breaks ties by the lower index and ranks what is not a number last', () => {
  const scores = Float64Array.of(NaN, 5, 2, 5, -Infinity, 5);
  assert.deepEqual(topK(scores, 2), Uint32Array.of(1, 3));
  assert.deepEqual(rankDescending(scores), Uint32Array.of(1, 3, 5, 2, 0, 4));
});

test('a count beyond either end is clamped', () => {
  assert.deepEqual(topK(Float64Array.of(1, 2), 5), Uint32Array.of(0, 1));
  assert.deepEqual(topK(Float64Array.of(1, 2), -1), new Uint32Array(0));
});

test('gathers rows and columns in the order asked for', () => {
  const matrix = matrixOf(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 3, 3);
  const part = subMatrix(matrix, Uint32Array.of(2, 0), Uint32Array.of(1, 2));
  assert.deepEqual(part, matrixOf(Float64Array.of(8, 9, 2, 3), 2, 2));
  const rows = gatherRows(Float32Array.of(1, 2, 3, 4, 5, 6), 2, Uint32Array.of(2, 1));
  assert.deepEqual(rows, matrixOf(Float64Array.of(5, 6, 3, 4), 2, 2));
  assert.deepEqual(
    gatherEntries(Float64Array.of(7, 8, 9), Uint32Array.of(2, 0)),
    Float64Array.of(9, 7),
  );
});

test('the complement is what is left, ascending', () => {
  assert.deepEqual(complementOf(Uint32Array.of(4, 1), 6), Uint32Array.of(0, 2, 3, 5));
  assert.deepEqual(complementOf(new Uint32Array(0), 2), Uint32Array.of(0, 1));
});

test('a view of rows shares memory and a wrong size is refused', () => {
  const matrix = matrixOf(new Float64Array(6), 3, 2);
  rowsOf(matrix, 1, 2).data[0] = 5;
  assert.equal(matrix.data[2], 5);
  assert.throws(
    () => matrixOf(new Float64Array(5), 3, 2),
    (error) => isEngineError(error, 'shape'),
  );
});

test('centred moments are the moments of the centred samples', () => {
  const tokens = 40;
  const x = toOracle(randomMatrix(1, tokens, 4)).add(3);
  const y = toOracle(randomMatrix(2, tokens, 3)).add(-2);
  const raw = matrixOf(Float64Array.from(x.transpose().mmul(y).to1DArray()), 4, 3);
  const left = Float64Array.from(x.sum('column'));
  const right = Float64Array.from(y.sum('column'));
  const centredX = x.clone().center('column');
  const centredY = y.clone().center('column');
  const expected = centredX.transpose().mmul(centredY).to1DArray();
  const actual = centredMoments(raw, left, right, tokens);
  assert.ok(relativeDifference(actual.data, Float64Array.from(expected)) < 1e-12);
});

test('a row times a matrix, an inner product and the mean of a diagonal', () => {
  const matrix = matrixOf(Float64Array.of(1, 2, 3, 4), 2, 2);
  assert.deepEqual(rowTimes(Float64Array.of(10, 1), matrix), Float64Array.of(13, 24));
  assert.equal(innerProduct(matrix, matrix), 30);
  assert.equal(meanDiagonal(matrix), 2.5);
});
