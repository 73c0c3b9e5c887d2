import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { fitResidual, remainingEnergy } from '../../../src/engine/reformation/leastSquares.ts';
import { momentsOfTarget } from '../../../src/engine/reformation/residualMoments.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { refitCase, squaredError, targetMomentsOf } from '../../fixtures/refitCase.ts';
import { propertyOptions } from '../propertyOptions.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

const shapes = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  tokens: fc.integer({ min: 1, max: 80 }),
  inputs: fc.integer({ min: 1, max: 40 }),
  keptShare: fc.double({ min: 0, max: 1, noNaN: true }),
  outputs: fc.integer({ min: 1, max: 9 }),
  damping: fc.constantFrom(0, 1e-6, 1e-3, 0.1, 10),
  kind: fc.constantFrom('layer' as const, 'dense' as const),
  intercept: fc.boolean(),
});

test('a refit never increases the error on its own tokens, whatever the shape', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const kept = Math.max(1, Math.round(shape.keptShare * shape.inputs));
      const problem = refitCase(shape.seed, { ...shape, kept }, shape.kind);
      const moments = await momentsOfTarget(targetMomentsOf(problem), problem.keptWeight, solver);
      const fit = await fitResidual(moments, { ...shape, name: 'a map' }, solver);
      const weight = problem.keptWeight.data.map((v, i) => v + fit.change.data[i]!);
      const before = squaredError(problem, problem.keptWeight, null);
      const refitted = { ...problem.keptWeight, data: weight };
      const after = squaredError(problem, refitted, fit.bias);
      // Rounding of the moments, relative to the target they were summed from.
      const rounding =
        1e-9 * squaredError(problem, { ...refitted, data: weight.map(() => 0) }, null);
      assert.ok(after <= before + rounding, `${before} to ${after}`);
      const left = await remainingEnergy(moments, fit, solver);
      assert.ok(Math.abs(left - after) <= 10 * rounding + 1e-6 * before, `${left} for ${after}`);
    }),
    propertyOptions({ numRuns: 150 }),
  );
});
