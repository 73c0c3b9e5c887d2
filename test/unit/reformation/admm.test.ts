import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import { admm, type AdmmProblem, PAPER_ADMM } from '../../../src/engine/reformation/admm.ts';
import { fitResidual } from '../../../src/engine/reformation/leastSquares.ts';
import { momentsOfTarget } from '../../../src/engine/reformation/residualMoments.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { fromOracle, gramOf, relativeDifference, toOracle } from '../../fixtures/randomMatrix.ts';
import {
  type RefitCase,
  refitCase,
  squaredError,
  targetMomentsOf,
} from '../../fixtures/refitCase.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

const name = 'block 0: down_proj';

/** A copy whose row i is multiplied by scale[i]. */
function rowsTimes(matrix: Matrix, scale: Float64Array): Matrix {
  return {
    ...matrix,
    data: matrix.data.map((v, at) => v * scale[Math.floor(at / matrix.columns)]!),
  };
}

/**
 * The optimum of ADMM's damped problem by `leastSquares`: the same case with its inputs scaled to
 * norm one and its weights scaled up, whose mean Gram diagonal is 1, scaled back.
 */
async function optimum(problem: RefitCase, damping: number): Promise<Matrix> {
  const { keptInputs, keptWeight } = problem;
  const norms = new Float64Array(keptInputs.columns);
  keptInputs.data.forEach((v, at) => (norms[at % norms.length]! += v ** 2));
  norms.forEach((energy, i) => (norms[i] = Math.sqrt(energy)));
  const inverse = norms.map((norm) => 1 / norm);
  const scaled: RefitCase = {
    ...problem,
    keptInputs: {
      ...keptInputs,
      data: keptInputs.data.map((v, at) => v * inverse[at % inverse.length]!),
    },
    keptWeight: rowsTimes(keptWeight, norms),
  };
  const moments = await momentsOfTarget(targetMomentsOf(scaled), scaled.keptWeight, solver);
  const { change } = await fitResidual(moments, { damping, intercept: false, name }, solver);
  const weight = { ...change, data: change.data.map((v, at) => v + scaled.keptWeight.data[at]!) };
  return rowsTimes(weight, inverse);
}

function admmProblem(problem: RefitCase, measured: boolean): AdmmProblem {
  const inputs = toOracle(problem.inputs).transpose();
  return {
    gram: gramOf(problem.inputs),
    cross: measured ? fromOracle(inputs.mmul(toOracle(problem.target))) : null,
    weight: problem.weight,
    kept: problem.kept,
  };
}

test('converges to the optimum of least squares as iterations grow, for any rho', async () => {
  for (const seed of [1, 2]) {
    const problem = refitCase(seed, { tokens: 300, inputs: 30, kept: 16, outputs: 5 }, 'layer');
    const expected = await optimum(problem, 0.05);
    for (const rho of [0.1, 1, 4]) {
      let last = Infinity;
      for (const iterations of [10, 100, 1500]) {
        const options = { rho, iterations, damping: 0.05, name };
        const actual = await admm(admmProblem(problem, false), options, solver);
        const distance = relativeDifference(actual.data, expected.data);
        assert.ok(distance < last, `rho ${rho}: ${distance} after ${iterations} iterations`);
        last = distance;
      }
      assert.ok(last < 1e-7, `rho ${rho}: ${last}`);
    }
  }
});

test('a measured target equal to the output of the layer gives the same weights', async () => {
  const problem = refitCase(3, { tokens: 200, inputs: 20, kept: 9, outputs: 4 }, 'layer');
  const options = { ...PAPER_ADMM, name };
  const derived = await admm(admmProblem(problem, false), options, solver);
  const measured = await admm(admmProblem(problem, true), options, solver);
  assert.ok(relativeDifference(measured.data, derived.data) < 1e-10);
});

test('with nothing removed a dense target is fitted as least squares fits it', async () => {
  const sizes = { tokens: 200, inputs: 12, kept: 12, outputs: 4 };
  const problem = refitCase(4, sizes, 'dense');
  const options = { rho: 1, iterations: 1500, damping: 0.1, name };
  const actual = await admm(admmProblem(problem, true), options, solver);
  const expected = await optimum(problem, 0.1);
  assert.ok(relativeDifference(actual.data, expected.data) < 1e-7);
});

test('thirty iterations come near the optimum at the damping of the paper, not at a small one', async () => {
  const problem = refitCase(1, { tokens: 2000, inputs: 128, kept: 64, outputs: 16 }, 'layer');
  const full = admmProblem(problem, false);
  const error = (weight: Matrix): number => Math.sqrt(squaredError(problem, weight, null));
  const excess = async (options: { rho: number; iterations: number; damping: number }) =>
    error(await admm(full, { ...options, name }, solver)) /
      error(await optimum(problem, options.damping)) -
    1;
  const found = {
    paper: await excess(PAPER_ADMM),
    code: await excess({ rho: 10, iterations: 20, damping: 0.1 }),
    small: await excess({ ...PAPER_ADMM, damping: 0.01 }),
    smaller: await excess({ ...PAPER_ADMM, damping: 0.001 }),
  };
  assert.ok(Math.abs(found.paper - 0.003) < 0.002, `paper ${found.paper}`);
  assert.ok(Math.abs(found.code - 0.35) < 0.02, `code ${found.code}`);
  assert.ok(Math.abs(found.small - 0.13) < 0.02, `small ${found.small}`);
  assert.ok(Math.abs(found.smaller - 0.25) < 0.02, `smaller ${found.smaller}`);
});

test('dead inputs do no harm and no iteration projects the dense weights', async () => {
  const problem = refitCase(5, { tokens: 100, inputs: 10, kept: 5, outputs: 3 }, 'layer');
  const full = admmProblem(problem, false);
  const dead = problem.kept[2]!;
  for (let i = 0; i < 10; i++) full.gram.data[i * 10 + dead] = full.gram.data[dead * 10 + i] = 0;
  const refitted = await admm(full, { ...PAPER_ADMM, name }, solver);
  const row = (m: Matrix, index: number): Float64Array => m.data.slice(index * 3, index * 3 + 3);
  assert.ok(relativeDifference(row(refitted, 2), row(problem.keptWeight, 2)) < 1e-9);
  const untouched = await admm(full, { ...PAPER_ADMM, iterations: 0, name }, solver);
  assert.ok(relativeDifference(untouched.data, problem.keptWeight.data) < 1e-14);
});

test('stops when asked to and reads its inputs only', async () => {
  const problem = refitCase(6, { tokens: 100, inputs: 10, kept: 5, outputs: 3 }, 'layer');
  const full = admmProblem(problem, true);
  const before = structuredClone(full);
  await admm(full, { ...PAPER_ADMM, name }, solver);
  assert.deepEqual(full, before);
  const signal = AbortSignal.abort();
  await assert.rejects(admm(full, { ...PAPER_ADMM, name }, solver, signal), (error) =>
    isEngineError(error, 'cancelled'),
  );
});
