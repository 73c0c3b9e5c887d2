import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { FAMILIES } from '../../src/engine/checkpoint/families/registry.ts';
import { loadWeights } from '../../src/engine/checkpoint/loadWeights.ts';
import type { WeightSource } from '../../src/engine/checkpoint/weightSource.ts';
import { openSource } from '../../src/engine/checkpoint/openCheckpoint.ts';
import { searchTimeLogits } from '../../src/engine/export/searchTimeLogits.ts';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { buildLevels } from '../../src/engine/levels/buildLevels.ts';
import { LevelEvaluator } from '../../src/engine/levels/levelEvaluator.ts';
import { blockGrid, stepParametersOf } from '../../src/engine/levels/levelGrid.ts';
import { LevelModel, type Levels } from '../../src/engine/levels/levelModel.ts';
import { levelBytes, LevelStore } from '../../src/engine/levels/levelStore.ts';
import { searchLevels, type SwitchState } from '../../src/engine/levels/searchLevels.ts';
import {
  allocateLevels,
  evenLevels,
  measureSensitivities,
} from '../../src/engine/levels/startLevels.ts';
import { type BudgetRange, budgetRange, switchLevels } from '../../src/engine/levels/switches.ts';
import { blocksOf } from '../../src/engine/model/block.ts';
import { blockBudget, countParameters } from '../../src/engine/model/cost.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { Solver } from '../../src/engine/runtime/solver.ts';
import { assertLegal } from '../../src/engine/subnet/legal.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import { searchTimeModel } from '../unit/export/candidates.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
const made = mkdtempSync(join(tmpdir(), 'levels-'));
after(async () => {
  await runtime.release();
  rmSync(made, { recursive: true });
});

const root = join(import.meta.dirname, 'fixtures');

for (const { name: family } of FAMILIES) {
  const folder = readdirSync(join(root, family)).sort()[0]!;
  describe(`levels of ${family}/${folder}`, () => {
    test('compute what the model does when all is kept, and are legal on every budget', async () => {
      const { weights, forward, head, model, windows } = await levelsOf(family, folder);
      const { shape } = weights;
      const search = searchTimeModel(runtime, shape);
      const logits = (of: WeightSource): Promise<Float32Array> =>
        searchTimeLogits(search, of, denseSubnet(shape), windows[0]!);
      same(await logits(model.weights), await logits(weights));

      const evaluator = await LevelEvaluator.create({
        ...{ forward, head, model, windows, kind: 'kl' as const },
      });
      const dense = await evaluator.parent(model.dense(), [0, 1]);
      assert.ok(Math.abs(dense.loss) < 1e-4, `${dense.loss}`);
      evaluator.release(dense);
      const costs = await measureSensitivities(evaluator, model, [0]);
      for (const ratio of [0.9, 0.6, 0.35]) {
        const budget = budgetRange(shape, blockBudget(shape, ratio));
        const rng = rngFor(1, 'test');
        const starts = [
          evenLevels(model, budget, rng),
          ...[0, 1].map((power) => allocateLevels(model, costs, budget, power, rng)),
        ];
        for (const start of starts) {
          let levels = start;
          for (let i = 0; i < 5; i++) {
            expectLegal(model, levels, budget);
            const options = { rng, switches: 1 + (i % 3), amount: (i % 4) * 0.02 * budget.most };
            levels = switchLevels(model, levels, budget, options) ?? levels;
          }
          const parent = await evaluator.parent(start, [0, 1]);
          const whole = await evaluator.parent(levels, [0, 1]);
          // From the first block that differs on, as from the embedding.
          const child = await evaluator.child(levels, parent);
          assert.ok(Math.abs(child - whole.loss) < 1e-6 * Math.max(1, whole.loss));
          evaluator.release(parent);
          evaluator.release(whole);
        }
      }
    });
  });
}

test('a build that was stopped goes on, a damaged file is made again, and a whole one is left', async () => {
  const { weights, forward, windows, grids, folder: store } = await levelsOf('llama');
  const built = (signal?: AbortSignal): Promise<number[]> => {
    const done: number[] = [];
    return buildLevels({
      ...{ forward, solver, weights, grids, signal },
      batches: [windows],
      store: new LevelStore(store),
      onProgress: (block) => done.push(block),
    }).then(() => done);
  };
  assert.deepEqual(await built(), []);
  const files = readdirSync(store).sort();
  assert.equal(files.length, weights.shape.layers);
  const before = await new LevelStore(store).level(1, 'mlp', grids[1]!.mlp[1]!);
  truncateSync(join(store, files[1]!), 1000);
  assert.deepEqual(
    await built(),
    Array.from({ length: weights.shape.layers }, (_, i) => i + 1),
  );
  assert.deepEqual(await new LevelStore(store).level(1, 'mlp', grids[1]!.mlp[1]!), before);
  rmSync(join(store, files[0]!));
  await assert.rejects(built(AbortSignal.abort()));
  assert.ok(!existsSync(join(store, files[0]!)));
});

test('a model of which units were removed before is refused', async () => {
  await assert.rejects(levelsOf('llama', 'sizes-of-blocks'), (error) => {
    assert.ok(isEngineError(error, 'checkpoint'));
    assert.match(error.message, /units were removed before/);
    return true;
  });
});

test('a search that goes on from a state ends as one that was never stopped', async () => {
  const { forward, head, model, windows, weights } = await levelsOf('llama');
  const evaluator = await LevelEvaluator.create({
    ...{ forward, head, model, windows, kind: 'perplexity' as const },
  });
  const budget = budgetRange(weights.shape, blockBudget(weights.shape, 0.6));
  const start = { generation: 0, levels: evenLevels(model, budget, rngFor(1, 'start')), loss: 0 };
  const run = (
    from: SwitchState,
    onState: (state: SwitchState) => void = () => undefined,
  ): Promise<SwitchState> =>
    searchLevels({
      ...{ model, evaluator, windows: windows.length, budget, start: from, seed: 3 },
      options: {
        ...{ generations: 6, children: 5 },
        stages: [
          { windows: 1, survivors: 2 },
          { windows: 2, survivors: 1 },
        ],
      },
      onGeneration: (generation) => {
        const { judged, loss, before } = generation;
        onState(generation);
        assert.ok(judged[0]! >= 1 && judged[0]! <= 5);
        assert.ok(loss <= before);
      },
    });
  const whole = await run(start);
  const states: SwitchState[] = [];
  await run(start, (state) => states.push(state));
  const state = await run(states[2]!);
  assert.deepEqual([...state.levels], [...whole.levels]);
  assert.equal(state.loss, whole.loss);
  assert.notDeepEqual([...whole.levels], [...start.levels]);
});

function expectLegal(model: LevelModel, levels: Levels, { least, most }: BudgetRange): void {
  const { shape } = model.weights;
  const subnet = model.subnet(levels);
  assertLegal(shape, subnet);
  const cost = model.parameters(levels);
  assert.equal(countParameters(shape, subnet).block, cost);
  assert.ok(cost >= least && cost <= most, `${least} ${cost} ${most}`);
}

async function levelsOf(family: string, name?: string) {
  const folder = name ?? readdirSync(join(root, family)).sort()[0]!;
  const weights = await loadWeights(await openSource(join(root, family, folder)));
  const { shape } = weights;
  const forward = new ForwardPass(runtime, shape);
  const windows = Array.from({ length: 4 }, (_, w) =>
    Uint32Array.from({ length: 20 }, (_, t) => (5 + (7 + w) * t + t * t) % shape.vocab),
  );
  const blocks = blocksOf(shape);
  const grids = blocks.map((block) => blockGrid(block, stepParametersOf(blocks)));
  const path = mkdtempSync(join(made, 'store-'));
  mkdirSync(path, { recursive: true });
  const store = new LevelStore(path);
  await buildLevels({ forward, solver, weights, batches: [windows], grids, store });
  const bytes = blocks.reduce((sum, block, i) => sum + levelBytes(block, grids[i]!), 0);
  assert.ok(bytes > 0);
  const model = await LevelModel.open(weights, grids, store);
  return { weights, forward, head: new LossHead(forward), model, windows, grids, folder: path };
}

function same(actual: Float32Array, expected: Float32Array): void {
  let [difference, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  assert.ok(difference <= 1e-4 * largest, `${difference} of ${largest}`);
}
