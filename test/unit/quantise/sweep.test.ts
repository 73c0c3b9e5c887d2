import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import { dequantised } from '../../../src/engine/quantise/packedWeight.ts';
import { roundWeight } from '../../../src/engine/quantise/roundWeight.ts';
import { quantiseSweep } from '../../../src/engine/quantise/sweep.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { SolverGemm } from '../../../src/engine/runtime/solverGemm.ts';
import { inverseRoot } from '../../../src/engine/sparsity/inverseRoot.ts';
import {
  correlatedInputs,
  fromOracle,
  randomMatrix,
  toOracle,
} from '../../fixtures/randomMatrix.ts';

const runtime = new Runtime('cpu', 2);
const gemm = new SolverGemm(runtime);
after(() => runtime.release());

/** Σ‖x·W − x·Ŵ‖² */
function errorOf(inputs: Matrix, weight: Matrix, rounded: Float32Array): number {
  const change = weight.data.map(
    (value, at) =>
      value - rounded[(at % weight.columns) * weight.rows + Math.floor(at / weight.columns)]!,
  );
  const product = toOracle(inputs).mmul(toOracle({ ...weight, data: change }));
  return product.norm('frobenius') ** 2;
}

for (const blockSize of [16, 64, 128]) {
  test(`later inputs make up for most of what earlier ones lose (blocks of ${blockSize})`, async () => {
    const format = { bits: 4, blockSize } as const;
    const inputs = correlatedInputs(5, 600, 150);
    const weight = randomMatrix(6, 150, 21);
    const gram = fromOracle(toOracle(inputs).transpose().mmul(toOracle(inputs)));
    const root = await inverseRoot(gemm, gram, { damping: 0.01, what: 'inputs' });
    const copy = { ...weight, data: weight.data.slice() };
    const swept = await quantiseSweep(gemm, copy, root, format);
    const rows = new Float32Array(150 * 21).map(
      (_, at) => weight.data[(at % 150) * 21 + Math.floor(at / 150)]!,
    );
    const nearest = dequantised(roundWeight(rows, 21, 150, format));
    const [after, before] = [
      errorOf(inputs, weight, dequantised(swept)),
      errorOf(inputs, weight, nearest),
    ];
    assert.ok(after < 0.5 * before, `${after} of ${before}`);
  });
}

test('without correlation a sweep is rounding to nearest', async () => {
  const format = { bits: 8, blockSize: 32 } as const;
  const weight = randomMatrix(7, 45, 9);
  const gram = randomMatrix(1, 45, 45);
  gram.data.forEach((_, i) => (gram.data[i] = i % 46 === 0 ? 3 : 0));
  const root = await inverseRoot(gemm, gram, { damping: 0.01, what: 'inputs' });
  const rows = new Float32Array(45 * 9).map(
    (_, at) => weight.data[(at % 45) * 9 + Math.floor(at / 45)]!,
  );
  const copy = { ...weight, data: weight.data.map(Math.fround) };
  const swept = await quantiseSweep(gemm, copy, root, format);
  assert.deepEqual(swept, roundWeight(rows, 9, 45, format));
});
