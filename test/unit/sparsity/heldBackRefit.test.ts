import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import {
  refitHeldBack,
  type SplitMoments,
  type SupportMap,
} from '../../../src/engine/sparsity/heldBackRefit.ts';
import { refitOnSupport, type SupportOptions } from '../../../src/engine/sparsity/supportRefit.ts';
import { relativeDifference, toOracle } from '../../fixtures/randomMatrix.ts';
import {
  cutToSupport,
  momentsOf,
  supportCase,
  type SupportSizes,
  type Tokens,
} from '../../fixtures/supportCase.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const OPTIONS: SupportOptions = { damping: 0.01, iterations: 200, tolerance: 1e-12 };

describe('a refit on a support, judged by held-back tokens', () => {
  it('never raises their error, and says by how much it lowers it', async () => {
    const cases = fc.record({
      seed: fc.nat(1000),
      inputs: fc.integer({ min: 1, max: 24 }),
      outputs: fc.integer({ min: 1, max: 6 }),
      fitted: fc.integer({ min: 1, max: 60 }),
      noise: fc.constantFrom(0, 0.3, 3),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, fitted, ...sizes }) => {
        const { map, tokens } = caseOf(seed, { ...sizes, tokens: fitted + 50 });
        const [few, others] = [part(tokens, 0, fitted), part(tokens, fitted, fitted + 50)];
        const split = { fitted: momentsOf(few), held: momentsOf(others), refitsAll: true };
        const fit = await refitHeldBack(map, split, OPTIONS, solver);
        assert.ok(fit.step >= 0 && fit.step <= 1);
        assert.ok(fit.errorAfter <= fit.errorBefore + 1e-12 * Math.max(1, fit.errorBefore));
        const energy = errorOf(others, { ...map.start, data: map.start.data.map(() => 0) });
        const before = errorOf(others, map.start) / energy;
        assert.ok(Math.abs(fit.errorBefore - before) < 1e-9 * Math.max(1, before));
        const trial = await refitOnSupport({ ...map, ...split.fitted }, OPTIONS, solver);
        const taken = between(map.start, trial.weight, fit.step);
        const expected = errorOf(others, taken) / energy;
        assert.ok(Math.abs(fit.errorAfter - expected) < 1e-9 * Math.max(1, before));
        for (const step of [fit.step - 0.01, fit.step + 0.01]) {
          if (step < 0 || step > 1) continue;
          const near = errorOf(others, between(map.start, trial.weight, step)) / energy;
          assert.ok(expected <= near + 1e-12 * Math.max(1, before), 'no better step is near');
        }
        map.flags.forEach((flag, i) => {
          assert.ok(flag === 1 || fit.weight.data[i] === 0);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('is the fit to all tokens where the held-back ones agree with the others', async () => {
    const { map, tokens } = caseOf(3, { inputs: 12, outputs: 5, tokens: 900, noise: 0 });
    const split = halves(tokens, 600);
    const { weight, step, errorBefore, errorAfter } = await refitHeldBack(
      map,
      split,
      OPTIONS,
      solver,
    );
    assert.ok(step > 0.9 && errorAfter < errorBefore);
    const all = await refitOnSupport({ ...map, ...momentsOf(tokens) }, OPTIONS, solver);
    assert.ok(relativeDifference(weight.data, between(map.start, all.weight, step).data) < 1e-6);
    const once = await refitHeldBack(map, { ...split, refitsAll: false }, OPTIONS, solver);
    const trial = await refitOnSupport({ ...map, ...split.fitted }, OPTIONS, solver);
    const taken = between(map.start, trial.weight, step);
    assert.ok(relativeDifference(once.weight.data, taken.data) < 1e-12);
    assert.equal(once.errorAfter, errorAfter);
  });

  it('leaves the cut weights where the fit is noise', async () => {
    // Five tokens and twenty inputs of a map that lost nothing: what they teach is noise.
    const { map: cut, tokens } = caseOf(5, { inputs: 20, outputs: 8, tokens: 405, noise: 10 });
    const map = { ...cut, start: cut.weight, flags: cut.flags.map(() => 1) };
    const refused = await refitHeldBack(map, halves(tokens, 5), OPTIONS, solver);
    assert.equal(refused.step, 0);
    assert.equal(refused.weight, map.start);
    assert.equal(refused.errorAfter, refused.errorBefore);
    const five = momentsOf(part(tokens, 0, 5));
    const same = { fitted: five, held: five, refitsAll: true };
    const praised = await refitHeldBack(map, same, OPTIONS, solver);
    assert.ok(praised.step > 0.9 && praised.errorAfter < 0.9 * praised.errorBefore);
  });

  it('leaves them without tokens to fit or to judge', async () => {
    const { map, tokens } = caseOf(6, { inputs: 6, outputs: 3, tokens: 40, noise: 1 });
    for (const at of [0, 40]) {
      const fit = await refitHeldBack(map, halves(tokens, at), OPTIONS, solver);
      assert.equal(fit.step, 0);
      assert.ok(Number.isFinite(fit.errorBefore));
    }
  });
});

function caseOf(
  seed: number,
  sizes: Omit<SupportSizes, 'density'>,
): { map: SupportMap; tokens: Tokens } {
  const { tokens, weight, flags } = supportCase(seed, { ...sizes, density: 0.6 });
  const start = cutToSupport({ weight, flags });
  return { map: { what: 'a map', weight, flags, start }, tokens };
}

function part({ x, target }: Tokens, from: number, to: number): Tokens {
  const rows = (matrix: Matrix): Matrix => ({
    ...matrix,
    rows: to - from,
    data: matrix.data.slice(from * matrix.columns, to * matrix.columns),
  });
  return { x: rows(x), target: rows(target) };
}

function halves(tokens: Tokens, at: number): SplitMoments {
  return {
    fitted: momentsOf(part(tokens, 0, at)),
    held: momentsOf(part(tokens, at, tokens.x.rows)),
    refitsAll: true,
  };
}

function errorOf({ x, target }: Tokens, weight: Matrix): number {
  return (
    toOracle(target)
      .sub(toOracle(x).mmul(toOracle(weight)))
      .norm() ** 2
  );
}

function between(a: Matrix, b: Matrix, share: number): Matrix {
  return { ...a, data: a.data.map((value, i) => value + share * (b.data[i]! - value)) };
}
