import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { zeros } from '../../../src/engine/numeric/matrix.ts';
import { meanDiagonal } from '../../../src/engine/numeric/symmetric.ts';
import { leastSquares, remainingEnergy } from '../../../src/engine/reformation/leastSquares.ts';
import {
  centred,
  momentsOfLayer,
  momentsOfTarget,
  type ResidualMoments,
} from '../../../src/engine/reformation/residualMoments.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { statisticsOf } from '../../fixtures/randomLayer.ts';
import { relativeDifference, toOracle } from '../../fixtures/randomMatrix.ts';
import {
  refitCase,
  squaredError,
  targetMomentsOf,
  textbookRefit,
} from '../../fixtures/refitCase.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

const name = 'block 0: down_proj';
const sizes = { tokens: 120, inputs: 20, kept: 12, outputs: 7 };

function close(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance * Math.abs(expected), `${actual} ${expected}`);
}

for (const kind of ['layer', 'dense'] as const) {
  for (const intercept of [false, true]) {
    const problem = refitCase(1, sizes, kind);
    const title = `${kind} target, ${intercept ? 'with' : 'without'} intercept`;

    test(`equals the textbook solution: ${title}`, async () => {
      const moments = await momentsOfTarget(targetMomentsOf(problem), problem.keptWeight, solver);
      for (const damping of [1e-6, 1e-2, 1]) {
        const options = { damping, intercept, name };
        const refit = await leastSquares(moments, problem.keptWeight, options, solver);
        const gram = intercept ? centred(moments).gram : moments.gram;
        assert.equal(refit.ridge, damping * meanDiagonal(gram));
        const textbook = textbookRefit(problem, refit.ridge, intercept);
        assert.ok(relativeDifference(refit.weight.data, textbook.weight.data) < 1e-8);
        assert.equal(refit.bias === null, !intercept);
        if (refit.bias !== null) {
          assert.ok(relativeDifference(refit.bias, textbook.bias!) < 1e-8);
        }
      }
    });

    test(`what is left, from moments, equals the error over the tokens: ${title}`, async () => {
      const moments = await momentsOfTarget(targetMomentsOf(problem), problem.keptWeight, solver);
      close(moments.energy, squaredError(problem, problem.keptWeight, null), 1e-9);
      const options = { damping: 1e-3, intercept, name };
      const refit = await leastSquares(moments, problem.keptWeight, options, solver);
      const change = toOracle(refit.weight).sub(toOracle(problem.keptWeight));
      const left = await remainingEnergy(
        moments,
        {
          change: { ...refit.weight, data: Float64Array.from(change.to1DArray()) },
          bias: refit.bias,
        },
        solver,
      );
      close(left, squaredError(problem, refit.weight, refit.bias), 1e-8);
    });
  }
}

test('undamped and of full rank, the gradient is zero', async () => {
  const problem = refitCase(2, sizes, 'dense');
  const moments = await momentsOfTarget(targetMomentsOf(problem), problem.keptWeight, solver);
  const options = { damping: 0, intercept: false, name };
  const { weight, ridge } = await leastSquares(moments, problem.keptWeight, options, solver);
  assert.equal(ridge, 0);
  const z = toOracle(problem.keptInputs);
  const t = toOracle(problem.target);
  const error = t.clone().sub(z.mmul(toOracle(weight)));
  const gradient = z.transpose().mmul(error);
  const scale = z.transpose().mmul(t);
  assert.ok(gradient.norm() < 1e-10 * scale.norm());
});

test('the layer target needs no measured target', async () => {
  const problem = refitCase(3, sizes, 'layer');
  const measured = await momentsOfTarget(targetMomentsOf(problem), problem.keptWeight, solver);
  const derived = await momentsOfLayer(
    statisticsOf(problem.inputs),
    Float32Array.from(problem.weight.data),
    problem.kept,
    solver,
  );
  assert.equal(derived.tokens, measured.tokens);
  assert.deepEqual(derived.gram.data.length, measured.gram.data.length);
  for (const key of ['gram', 'residual'] as const) {
    assert.ok(relativeDifference(derived[key].data, measured[key].data) < 1e-9, key);
  }
  for (const key of ['inputSum', 'residualSum'] as const) {
    assert.ok(relativeDifference(derived[key], measured[key]) < 1e-9, key);
  }
  close(derived.energy, measured.energy, 1e-9);
});

test('nothing removed leaves the weights of the layer target as they were', async () => {
  const problem = refitCase(5, { ...sizes, kept: sizes.inputs }, 'layer');
  const moments = await momentsOfLayer(
    statisticsOf(problem.inputs),
    Float32Array.from(problem.weight.data),
    problem.kept,
    solver,
  );
  const options = { damping: 1e-3, intercept: false, name };
  const { weight } = await leastSquares(moments, problem.keptWeight, options, solver);
  assert.deepEqual(weight, problem.keptWeight);
});

test('everything removed leaves the mean of the target as bias', async () => {
  const problem = refitCase(6, { ...sizes, kept: 0 }, 'dense');
  const target = toOracle(problem.target);
  const moments: ResidualMoments = {
    tokens: sizes.tokens,
    gram: zeros(0, 0),
    residual: zeros(0, sizes.outputs),
    energy: target.norm() ** 2,
    inputSum: new Float64Array(0),
    residualSum: Float64Array.from(target.sum('column')),
  };
  const options = { damping: 1e-3, intercept: true, name };
  const { weight, bias } = await leastSquares(moments, problem.keptWeight, options, solver);
  assert.deepEqual(weight, zeros(0, sizes.outputs));
  assert.ok(relativeDifference(bias!, Float64Array.from(target.mean('column'))) < 1e-12);
});

test('a dead kept input keeps its weights', async () => {
  const problem = refitCase(7, sizes, 'dense');
  const columns = problem.keptInputs.columns;
  for (let at = 3; at < problem.keptInputs.data.length; at += columns) {
    problem.keptInputs.data[at] = 0;
  }
  const moments = await momentsOfTarget(targetMomentsOf(problem), problem.keptWeight, solver);
  const options = { damping: 1e-3, intercept: false, name };
  const { weight } = await leastSquares(moments, problem.keptWeight, options, solver);
  const row = (data: Float64Array): Float64Array =>
    data.slice(3 * sizes.outputs, 4 * sizes.outputs);
  assert.deepEqual(row(weight.data), row(problem.keptWeight.data));
});

test('moments that are not finite are an error that names the map', async () => {
  const problem = refitCase(8, sizes, 'dense');
  const moments = await momentsOfTarget(targetMomentsOf(problem), problem.keptWeight, solver);
  moments.residual.data[5] = NaN;
  const options = { damping: 1e-3, intercept: false, name };
  await assert.rejects(
    leastSquares(moments, problem.keptWeight, options, solver),
    (error) => isEngineError(error, 'numeric') && error.problem.what === name,
  );
});
