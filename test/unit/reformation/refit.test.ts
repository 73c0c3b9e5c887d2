import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import { admm } from '../../../src/engine/reformation/admm.ts';
import { leastSquares } from '../../../src/engine/reformation/leastSquares.ts';
import {
  admmRefit,
  leastSquaresRefit,
  type RefitProblem,
} from '../../../src/engine/reformation/refit.ts';
import { momentsOfTarget } from '../../../src/engine/reformation/residualMoments.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import {
  type RefitCase,
  refitCase,
  squaredError,
  targetMomentsOf,
} from '../../fixtures/refitCase.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

const TOKENS = 240;
const TRAINED = 180;
const dampings = [1e-3, 1e-1];
const whole = refitCase(3, { tokens: TOKENS, inputs: 24, kept: 14, outputs: 6 }, 'dense');

test('least squares chooses on held-out tokens and then fits all of them', async () => {
  const problem = problemOf(whole);
  const { weight, damping, errorBefore, errorAfter } = await leastSquaresRefit(
    solver,
    dampings,
  ).fit(problem);
  const all = await momentsOfTarget(targetMomentsOf(whole), whole.keptWeight, solver);
  const options = { damping: damping!, intercept: false, name: 'all' };
  const expected = await leastSquares(all, whole.keptWeight, options, solver);
  assert.ok(difference(weight, expected.weight) < 1e-9);
  const held = part(whole, TRAINED, TOKENS);
  const before = squaredError(held, whole.keptWeight, null) / problem.heldout.targetEnergy;
  assert.ok(Math.abs(errorBefore / before - 1) < 1e-9);
  assert.ok(errorAfter < errorBefore);
});

test('ADMM chooses on held-out tokens and then fits all of them', async () => {
  const full = { ...whole, keptInputs: whole.inputs, keptWeight: whole.weight };
  const problem = { ...problemOf(full), kept: whole.kept };
  const refit = admmRefit(solver, { rho: 1, iterations: 40, dampings });
  const { weight, damping, errorBefore, errorAfter } = await refit.fit(problem);
  const { gram, cross } = targetMomentsOf(full);
  const expected = await admm(
    { gram, cross, weight: whole.weight, kept: whole.kept },
    { rho: 1, iterations: 40, damping: damping!, name: 'all' },
    solver,
  );
  assert.ok(difference(weight, expected) < 1e-9);
  const held = part(whole, TRAINED, TOKENS);
  const before = squaredError(held, whole.keptWeight, null) / problem.heldout.targetEnergy;
  assert.ok(Math.abs(errorBefore / before - 1) < 1e-9);
  assert.ok(errorAfter < errorBefore);
});

for (const method of ['leastSquares', 'admm'] as const) {
  test(`${method} keeps a map, and its bias, that held-out tokens like better`, async () => {
    const full =
      method === 'admm' ? { ...whole, keptInputs: whole.inputs, keptWeight: whole.weight } : whole;
    const { train, heldout, ...rest } = problemOf(full);
    // The held-out tokens are fitted perfectly as it is; the training tokens ask for something else.
    const perfect = targetMomentsOf({
      ...part(full, TRAINED, TOKENS),
      target: zeros(TOKENS - TRAINED, 6),
    });
    const bias = Float64Array.from({ length: 6 }, (_, i) => 0.5 - i);
    const shifted = perfect.targetSum.map((_, i) => perfect.tokens * bias[i]!);
    const problem: RefitProblem = {
      ...rest,
      ...{ train, bias, kept: method === 'admm' ? whole.kept : rest.kept },
      weight: { ...rest.weight, data: new Float64Array(rest.weight.data.length) },
      heldout: {
        ...heldout,
        ...{ cross: crossOf(perfect.inputSum, bias), targetSum: shifted },
        targetEnergy: perfect.tokens * bias.reduce((sum, b) => sum + b * b, 0),
      },
    };
    const refit =
      method === 'admm'
        ? admmRefit(solver, { rho: 1, iterations: 30, dampings })
        : leastSquaresRefit(solver, dampings);
    const fit = await refit.fit(problem);
    assert.equal(fit.damping, null);
    assert.equal(fit.bias, bias);
    assert.ok(fit.weight.data.every((value) => value === 0));
    assert.ok(fit.errorBefore < 1e-9 && fit.errorAfter === fit.errorBefore);
  });
}

function problemOf(one: RefitCase): RefitProblem {
  return {
    what: 'block 0, o_proj',
    train: targetMomentsOf(part(one, 0, TRAINED)),
    heldout: targetMomentsOf(part(one, TRAINED, TOKENS)),
    weight: one.keptWeight,
    kept: Uint32Array.from({ length: one.keptWeight.rows }, (_, i) => i),
    bias: null,
  };
}

/** Some tokens of a case. */
function part(one: RefitCase, from: number, to: number): RefitCase {
  const rows = (matrix: Matrix): Matrix => ({
    ...matrix,
    rows: to - from,
    data: matrix.data.slice(from * matrix.columns, to * matrix.columns),
  });
  return { ...one, keptInputs: rows(one.keptInputs), target: rows(one.target) };
}

function zeros(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** Σ z bᵀ of a target that is the bias at every token. */
function crossOf(inputSum: Float64Array, bias: Float64Array): Matrix {
  const data = Float64Array.from(
    { length: inputSum.length * bias.length },
    (_, at) => inputSum[Math.floor(at / bias.length)]! * bias[at % bias.length]!,
  );
  return { rows: inputSum.length, columns: bias.length, data };
}

function difference(a: Matrix, b: Matrix): number {
  assert.equal(a.data.length, b.data.length);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);
}
