import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { admm } from '../../../src/engine/reformation/admm.ts';
import { leastSquares } from '../../../src/engine/reformation/leastSquares.ts';
import {
  admmRefit,
  leastSquaresRefit,
  type MapToRefit,
  type Refit,
} from '../../../src/engine/reformation/refit.ts';
import {
  momentsOfTarget,
  type TargetMoments,
} from '../../../src/engine/reformation/residualMoments.ts';
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
const FITTED = 180;
const dampings = [1e-3, 1e-1];
const options = { rho: 1, iterations: 40, dampings };
const whole = refitCase(3, { tokens: TOKENS, inputs: 24, kept: 14, outputs: 6 }, 'dense');
const full = { ...whole, keptInputs: whole.inputs, keptWeight: whole.weight };
const methods = {
  leastSquares: { refit: leastSquaresRefit(solver, dampings), problem: whole },
  admm: { refit: admmRefit(solver, options), problem: full },
};

test('least squares is chosen on held-back tokens, fitted to others or to all of them', async () => {
  const { refit } = methods.leastSquares;
  await checkChoice(refit, whole, async (part, damping) => {
    const moments = await momentsOfTarget(targetMomentsOf(part), whole.keptWeight, solver);
    const settings = { damping, intercept: false, name: 'a map' };
    return (await leastSquares(moments, whole.keptWeight, settings, solver)).weight;
  });
});

test('ADMM is chosen on held-back tokens, fitted to others or to all of them', async () => {
  await checkChoice(methods.admm.refit, full, (part, damping) => {
    const { gram, cross } = targetMomentsOf(part);
    const problem = { gram, cross, weight: whole.weight, kept: whole.kept };
    return admm(problem, { ...options, damping, name: 'a map' }, solver);
  });
});

/** The chosen damping, errors and weights against those worked out from the tokens. */
async function checkChoice(
  refit: Refit,
  problem: RefitCase,
  fitted: (part: RefitCase, damping: number) => Promise<Matrix>,
): Promise<void> {
  const held = part(whole, FITTED, TOKENS);
  const { targetEnergy } = targetMomentsOf(held);
  const errors = await Promise.all(
    dampings.map(async (damping) => {
      const weight = await fitted(part(problem, 0, FITTED), damping);
      return squaredError(held, weight, null) / targetEnergy;
    }),
  );
  const best = dampings[errors.indexOf(Math.min(...errors))]!;
  const map = mapOf(problem);
  const choice = await refit.choose(map, ...momentsFor(problem));
  assert.equal(choice.refitted!.damping, best);
  const before = squaredError(held, whole.keptWeight, null) / targetEnergy;
  assert.ok(Math.abs(choice.errorBefore / before - 1) < 1e-9);
  assert.ok(Math.abs(choice.errorAfter / Math.min(...errors) - 1) < 1e-6);
  const trial = await fitted(part(problem, 0, FITTED), best);
  assert.ok(difference(choice.refitted!.weight, trial) < 1e-9);
  const { weight } = await refit.fit(map, targetMomentsOf(problem), best);
  assert.ok(difference(weight, await fitted(problem, best)) < 1e-9);
}

for (const [name, { refit, problem }] of Object.entries(methods)) {
  test(`${name} leaves a map alone that held-back tokens like as it is`, async () => {
    const map = mapOf(problem);
    // The held-back tokens are fitted perfectly as it is; the others ask for something else.
    const perfect = targetMomentsOf({
      ...part(problem, FITTED, TOKENS),
      target: zeros(TOKENS - FITTED, 6),
    });
    const bias = Float64Array.from({ length: 6 }, (_, i) => 0.5 - i);
    const heldBack = {
      ...perfect,
      ...{ cross: crossOf(perfect.inputSum, bias) },
      targetSum: perfect.targetSum.map((_, i) => perfect.tokens * bias[i]!),
      targetEnergy: perfect.tokens * bias.reduce((sum, b) => sum + b * b, 0),
    };
    const still = { ...map, bias, weight: zeros(map.weight.rows, 6) };
    const [fitted] = momentsFor(problem);
    const choice = await refit.choose(still, fitted, heldBack);
    assert.equal(choice.refitted, null);
    assert.ok(choice.errorBefore < 1e-9 && choice.errorAfter === choice.errorBefore);
  });

  test(`${name} leaves a map alone that a few tokens would only teach their noise`, async () => {
    // 40 tokens, 30 kept inputs, and a target that nothing predicts: what is fitted is chance.
    const noise = refitCase(9, { tokens: 400, inputs: 30, kept: 30, outputs: 8 }, 'layer');
    const rng = rngFor(9, 'noise');
    const target = { ...noise.target, data: noise.target.data.map(() => rng.normal()) };
    const chance = { ...noise, keptInputs: noise.inputs, keptWeight: noise.weight, target };
    const map = { ...mapOf(chance), weight: zeros(30, 8) };
    const [few, others] = [part(chance, 0, 40), part(chance, 40, 400)].map(targetMomentsOf);
    const choice = await refit.choose(map, few!, others!);
    assert.equal(choice.refitted, null);
    assert.equal(choice.errorAfter, choice.errorBefore);
    // The same tokens praise the fit that the others refuse.
    const praised = await refit.choose(map, few!, few!);
    assert.ok(praised.errorAfter < 0.8 * praised.errorBefore);
  });

  test(`${name} leaves a map alone when there is no token to fit, or none to judge`, async () => {
    const [fitted, heldBack] = momentsFor(problem);
    const nothing = targetMomentsOf(part(problem, 0, 0));
    for (const [one, other] of [
      [nothing, heldBack],
      [fitted, nothing],
    ] as const) {
      const choice = await refit.choose(mapOf(problem), one, other);
      assert.equal(choice.refitted, null);
      assert.ok(Number.isFinite(choice.errorBefore));
    }
  });
}

function mapOf(problem: RefitCase): MapToRefit {
  const { keptWeight } = problem;
  const all = Uint32Array.from({ length: keptWeight.rows }, (_, i) => i);
  const kept = problem === full ? whole.kept : all;
  return { what: 'block 0, o_proj', weight: keptWeight, kept, bias: null };
}

function momentsFor(problem: RefitCase): [fitted: TargetMoments, heldBack: TargetMoments] {
  return [
    targetMomentsOf(part(problem, 0, FITTED)),
    targetMomentsOf(part(problem, FITTED, TOKENS)),
  ];
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
