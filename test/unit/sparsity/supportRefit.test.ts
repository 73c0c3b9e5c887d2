import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { solve } from 'ml-matrix';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import {
  refitOnSupport,
  type SupportOptions,
  type SupportProblem,
} from '../../../src/engine/sparsity/supportRefit.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMatrix, relativeDifference, toOracle } from '../../fixtures/randomMatrix.ts';
import {
  cutToSupport,
  momentsOf,
  supportCase,
  type SupportSizes,
} from '../../fixtures/supportCase.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const TO_THE_END: SupportOptions = { damping: 0.01, iterations: 500, tolerance: 1e-14 };

describe('best weights on a support', () => {
  for (const target of ['layer', 'dense'] as const) {
    it(`are those of one exact solve per output, for ${target} targets`, async () => {
      const { problem } = caseOf(3, { inputs: 12, outputs: 5, tokens: 60, density: 0.5 }, target);
      const { weight, errorAfter } = await refitOnSupport(problem, TO_THE_END, solver);
      const expected = exact(problem, TO_THE_END.damping);
      assert.ok(relativeDifference(weight.data, expected.data) < 1e-6);
      const best = errorOf(problem, expected);
      assert.ok(Math.abs(errorAfter - best) < 1e-6 * problem.targetEnergy);
    });
  }

  it('never have a larger error than the unchanged weights, and are zero off the support', async () => {
    const cases = fc.record({
      seed: fc.nat(1000),
      inputs: fc.integer({ min: 1, max: 20 }),
      outputs: fc.integer({ min: 1, max: 6 }),
      tokens: fc.integer({ min: 1, max: 40 }),
      density: fc.constantFrom(0, 0.2, 0.5, 1),
      target: fc.constantFrom<'layer' | 'dense'>('layer', 'dense'),
      damping: fc.constantFrom(0, 1e-3, 1, 30),
      iterations: fc.constantFrom(1, 3, 40),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, target, damping, iterations, ...sizes }) => {
        const { problem } = caseOf(seed, sizes, target);
        const options = { damping, iterations, tolerance: 1e-4 };
        const fit = await refitOnSupport(problem, options, solver);
        const before = errorOf(problem, cutToSupport(problem));
        const after = errorOf(problem, fit.weight);
        const slack = 1e-9 * problem.targetEnergy;
        assert.ok(after <= before + slack, `${after} > ${before}`);
        assert.ok(Math.abs(fit.errorBefore - before) <= slack);
        assert.ok(Math.abs(fit.errorAfter - after) <= slack);
        problem.flags.forEach((flag, i) => {
          if (flag === 0) assert.equal(fit.weight.data[i], 0);
        });
      }),
      { numRuns: 120 },
    );
  });

  it('may begin anywhere on the support and never end worse than the unchanged weights', async () => {
    const { problem } = caseOf(8, { inputs: 16, outputs: 4, tokens: 50, density: 0.5 }, 'layer');
    const wild = randomMatrix(99, 16, 4);
    const start = { ...wild, data: wild.data.map((value, i) => 100 * value * problem.flags[i]!) };
    const options = { damping: 0.01, iterations: 1, tolerance: 0 };
    const { errorBefore, errorAfter } = await refitOnSupport(
      { ...problem, start },
      options,
      solver,
    );
    assert.ok(errorAfter <= errorBefore);
    const { weight } = await refitOnSupport({ ...problem, start }, TO_THE_END, solver);
    assert.ok(relativeDifference(weight.data, exact(problem, 0.01).data) < 1e-6);
  });

  it('stop when a step brings little, and are refused where moments are no numbers', async () => {
    const { problem } = caseOf(4, { inputs: 40, outputs: 6, tokens: 200, density: 0.5 }, 'layer');
    const few = await refitOnSupport(problem, { ...TO_THE_END, tolerance: 0.05 }, solver);
    const many = await refitOnSupport(problem, { ...TO_THE_END, tolerance: 1e-6 }, solver);
    assert.ok(few.steps < many.steps && many.steps < TO_THE_END.iterations);
    problem.gram.data[3] = NaN;
    await assert.rejects(
      refitOnSupport(problem, TO_THE_END, solver),
      (error) => isEngineError(error, 'numeric') && error.message.includes('a layer'),
    );
  });
});

function caseOf(
  seed: number,
  sizes: Omit<SupportSizes, 'noise'>,
  kind: 'layer' | 'dense',
): { problem: SupportProblem } {
  const noise = kind === 'layer' ? 0 : 1;
  const { tokens, weight, flags } = supportCase(seed, { ...sizes, noise });
  const moments = momentsOf(tokens);
  const cross = kind === 'layer' ? null : moments.cross;
  return { problem: { what: 'a layer', ...moments, cross, weight, flags, start: null } };
}

function goalOf({ gram, cross, weight }: SupportProblem): ReturnType<typeof toOracle> {
  return cross === null ? toOracle(gram).mmul(toOracle(weight)) : toOracle(cross);
}

function errorOf(problem: SupportProblem, x: Matrix): number {
  const own = toOracle(x);
  const quadratic = own.transpose().mmul(toOracle(problem.gram)).mmul(own).trace();
  return problem.targetEnergy + quadratic - 2 * own.transpose().mmul(goalOf(problem)).trace();
}

/** Each output's damped normal equations on its own support. */
function exact(problem: SupportProblem, damping: number): Matrix {
  const { gram, weight, flags } = problem;
  const n = gram.rows;
  const g = toOracle(gram);
  const ridge = (damping * g.trace()) / n;
  for (let i = 0; i < n; i++) g.set(i, i, g.get(i, i) + ridge);
  const goal = goalOf(problem).add(toOracle(weight).mul(ridge));
  const out = new Float64Array(weight.data.length);
  for (let c = 0; c < weight.columns; c++) {
    const kept = Array.from({ length: n }, (_, i) => i).filter(
      (i) => flags[i * weight.columns + c] === 1,
    );
    if (kept.length === 0) continue;
    const found = solve(g.selection(kept, kept), goal.selection(kept, [c]));
    kept.forEach((i, k) => (out[i * weight.columns + c] = found.get(k, 0)));
  }
  return { ...weight, data: out };
}
