import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { chooseDamping } from '../../../src/engine/reformation/damping.ts';
import { momentsOfTarget } from '../../../src/engine/reformation/residualMoments.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import {
  type RefitCase,
  refitCase,
  squaredError,
  targetMomentsOf,
  textbookRefit,
} from '../../fixtures/refitCase.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

const name = 'block 0: o_proj';
const GRID = [1e-4, 1e-3, 1e-2, 1e-1, 1];

/** The first and the remaining tokens of one case. */
function split(whole: RefitCase, tokens: number): [train: RefitCase, heldOut: RefitCase] {
  const rows = (matrix: Matrix, from: number, to: number): Matrix => ({
    ...matrix,
    rows: to - from,
    data: matrix.data.slice(from * matrix.columns, to * matrix.columns),
  });
  const part = (from: number, to: number): RefitCase => ({
    ...whole,
    keptInputs: rows(whole.keptInputs, from, to),
    target: rows(whole.target, from, to),
  });
  return [part(0, tokens), part(tokens, whole.target.rows)];
}

for (const intercept of [false, true]) {
  test(`held-back errors equal those over the tokens, ${intercept ? 'with' : 'without'} intercept`, async () => {
    const whole = refitCase(1, { tokens: 160, inputs: 24, kept: 14, outputs: 6 }, 'dense');
    const [train, heldOut] = split(whole, 100);
    const trainMoments = await momentsOfTarget(targetMomentsOf(train), whole.keptWeight, solver);
    const heldOutMoments = await momentsOfTarget(
      targetMomentsOf(heldOut),
      whole.keptWeight,
      solver,
    );
    const options = { grid: GRID, intercept, name };
    const choice = await chooseDamping(trainMoments, heldOutMoments, options, solver);
    const errors = GRID.map((damping) => {
      const { gram, inputSum, tokens } = trainMoments;
      const energy = Array.from({ length: gram.rows }, (_, i) => {
        const mean = intercept ? inputSum[i]! ** 2 / tokens : 0;
        return gram.data[i * gram.rows + i]! - mean;
      }).reduce((sum, value) => sum + value / gram.rows, 0);
      const { weight, bias } = textbookRefit(train, damping * energy, intercept);
      return squaredError(heldOut, weight, bias) / 60;
    });
    for (const [i, trial] of choice.trials.entries()) {
      assert.equal(trial.damping, GRID[i]);
      assert.ok(Math.abs(trial.heldBackError / errors[i]! - 1) < 1e-7);
    }
    assert.equal(choice.best.damping, GRID[errors.indexOf(Math.min(...errors))]);
    const { change, bias } = choice.fit;
    const data = whole.keptWeight.data.map((value, i) => value + change.data[i]!);
    const left = squaredError(heldOut, { ...change, data }, bias) / 60;
    assert.ok(Math.abs(choice.best.heldBackError / left - 1) < 1e-9, 'the fit is that of the best');
  });
}

test('few tokens ask for more damping than many', async () => {
  const grid = [1e-6, 1e-4, 1e-2, 1];
  const whole = refitCase(3, { tokens: 4000, inputs: 40, kept: 30, outputs: 5 }, 'dense');
  const chosen: number[] = [];
  for (const tokens of [32, 3000]) {
    const [train, heldOut] = split(whole, tokens);
    const choice = await chooseDamping(
      await momentsOfTarget(targetMomentsOf(train), whole.keptWeight, solver),
      await momentsOfTarget(targetMomentsOf(heldOut), whole.keptWeight, solver),
      { grid, intercept: false, name },
      solver,
    );
    const unreformed = squaredError(heldOut, whole.keptWeight, null) / heldOut.target.rows;
    assert.ok(choice.best.heldBackError < unreformed);
    chosen.push(choice.best.damping);
  }
  assert.ok(chosen[0]! > chosen[1]!, `${chosen.join(' then ')}`);
});

test('equal errors choose the larger damping, an empty grid is refused', async () => {
  const whole = refitCase(4, { tokens: 60, inputs: 8, kept: 8, outputs: 3 }, 'layer');
  const moments = await momentsOfTarget(targetMomentsOf(whole), whole.keptWeight, solver);
  // Nothing is left to fit, so every damping is as good as every other.
  moments.residual.data.fill(0);
  const options = { grid: [1e-3, 1, 1e-2], intercept: false, name };
  const { best } = await chooseDamping(moments, moments, options, solver);
  assert.equal(best.damping, 1);
  await assert.rejects(chooseDamping(moments, moments, { ...options, grid: [] }, solver), (error) =>
    isEngineError(error, 'config'),
  );
});
