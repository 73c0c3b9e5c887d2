import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { inverse } from 'ml-matrix';
import {
  type SweepProblem,
  sweepLevels,
  type SweptLevel,
} from '../../../src/engine/levels/sweep.ts';
import { meanDiagonal } from '../../../src/engine/numeric/symmetric.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import {
  correlatedInputs,
  fromOracle,
  gramOf,
  randomMatrix,
  relativeDifference,
  toOracle,
} from '../../fixtures/randomMatrix.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const N = 24;

function problem(over: Partial<SweepProblem> = {}): SweepProblem {
  return {
    what: 'block 0, down_proj',
    weight: randomMatrix(7, N, 5),
    gram: gramOf(correlatedInputs(3, 200, N)),
    units: Array.from({ length: N }, (_, i) => Uint32Array.of(i)),
    counts: [20, 13, 12, 5, 1],
    damping: 1e-2,
    ...over,
  };
}

async function levelsOf(of: SweepProblem): Promise<SweptLevel[]> {
  const found: SweptLevel[] = [];
  for await (const level of sweepLevels(of, solver)) found.push(level);
  return found;
}

/** The damped fit of kept inputs to the whole map, and what it leaves, by the textbook. */
function textbook({ weight, gram, damping }: SweepProblem, inputs: Uint32Array) {
  const h = toOracle(gram);
  const ridge = damping * meanDiagonal(gram);
  for (let i = 0; i < N; i++) h.set(i, i, h.get(i, i) + ridge);
  const kept = [...inputs];
  const every = [...h.to2DArray().keys()];
  const w = toOracle(weight);
  const fitted = inverse(h.subMatrixRow(kept).subMatrixColumn(kept)).mmul(
    h.subMatrixRow(kept).subMatrixColumn(every).mmul(w),
  );
  const change = w.clone();
  kept.forEach((input, row) => {
    change.setRow(input, change.getRowVector(input).sub(fitted.getRowVector(row)));
  });
  return { fitted: fromOracle(fitted), lost: change.transpose().mmul(h).mmul(change).trace() };
}

for (const width of [1, 2]) {
  test(`a level is the damped least-squares fit of what it keeps: units of ${width}`, async () => {
    const units = Array.from({ length: N / width }, (_, i) =>
      Uint32Array.from({ length: width }, (_, j) => i + (j * N) / width),
    );
    const counts = [20, 13, 12, 5, 1].map((count) => Math.ceil(count / width));
    const of = problem({ units, counts });
    const energy = toOracle(of.weight)
      .transpose()
      .mmul(toOracle(of.gram))
      .mmul(toOracle(of.weight));
    const levels = await levelsOf(of);
    assert.deepEqual(
      levels.map((level) => level.units.length),
      counts,
    );
    for (const { units: kept, inputs, weight, error } of levels) {
      const expected = [...kept].flatMap((unit) => [...units[unit]!]).sort((a, b) => a - b);
      assert.deepEqual([...inputs], expected);
      const { fitted, lost } = textbook(of, inputs);
      assert.ok(relativeDifference(weight.data, fitted.data) < 1e-8);
      assert.ok(Math.abs(error - lost / energy.trace()) < 1e-9, `${error} ${lost}`);
    }
  });
}

test('levels are nested, and the error grows as they get narrower', async () => {
  const levels = await levelsOf(problem());
  for (const [i, level] of levels.entries()) {
    const wider = levels[i - 1];
    if (wider === undefined) continue;
    assert.ok([...level.units].every((unit) => wider.units.includes(unit)));
    assert.ok(level.error >= wider.error);
  }
});

test('removes the unit whose removal costs least', async () => {
  const of = problem({ counts: [N - 1] });
  const [level] = await levelsOf(of);
  const costs = Array.from({ length: N }, (_, unit) => {
    const inputs = Uint32Array.from({ length: N - 1 }, (_, i) => (i < unit ? i : i + 1));
    return textbook(of, inputs).lost;
  });
  const cheapest = costs.indexOf(Math.min(...costs));
  assert.ok(!level!.units.includes(cheapest));
});

test('removes only what may go next', async () => {
  const next = (isLeft: Uint8Array): number[] => [isLeft.lastIndexOf(1)];
  const levels = await levelsOf(problem({ next, counts: [10, 3] }));
  assert.deepEqual(
    [...levels[0]!.units],
    Array.from({ length: 10 }, (_, i) => i),
  );
  assert.deepEqual([...levels[1]!.units], [0, 1, 2]);
});

test('inputs that never moved have levels too', async () => {
  const gram = { data: new Float64Array(N * N), rows: N, columns: N };
  const levels = await levelsOf(problem({ gram }));
  assert.deepEqual(
    levels.map(({ error }) => error),
    [0, 0, 0, 0, 0],
  );
});

test('refuses moments that are not numbers, by the name of the map', async () => {
  const gram = gramOf(correlatedInputs(3, 200, N));
  gram.data.fill(NaN);
  await assert.rejects(levelsOf(problem({ gram })), (error) => {
    assert.ok(isEngineError(error, 'numeric'));
    assert.match(error.message, /block 0, down_proj/);
    return true;
  });
});
