import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
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
import {
  levelsKey,
  sealLevels,
  stateOfLevels,
  takeLevels,
} from '../../src/engine/levels/levelFolder.ts';
import { LevelModel, type Levels } from '../../src/engine/levels/levelModel.ts';
import { levelBytes, LevelStore } from '../../src/engine/levels/levelStore.ts';
import {
  searchLevels,
  type SwitchGeneration,
  type SwitchState,
} from '../../src/engine/levels/searchLevels.ts';
import { orderScores } from '../../src/engine/levels/orderScores.ts';
import {
  allocateLevels,
  evenLevels,
  measureSensitivities,
} from '../../src/engine/levels/startLevels.ts';
import { type BudgetRange, budgetRange, switchLevels } from '../../src/engine/levels/switches.ts';
import { blocksOf } from '../../src/engine/model/block.ts';
import { blockBudget, countParameters } from '../../src/engine/model/cost.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { meanOf } from '../../src/engine/numeric/mean.ts';
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
      for (const loss of dense.losses) assert.ok(Math.abs(loss) < 1e-4, `${loss}`);
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
          const everywhere = await evaluator.losses(levels);
          for (const [window, loss] of whole.losses.entries()) {
            assert.ok(Math.abs(child[window]! - loss) < 1e-6 * Math.max(1, loss));
            assert.ok(Math.abs(everywhere[window]! - loss) < 1e-6 * Math.max(1, loss));
          }
          assert.deepEqual(model.levelsOf(model.subnet(levels)), levels);
          expectBestKept(model, levels);
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
  const levels = evenLevels(model, budget, rngFor(1, 'start'));
  const losses = await evaluator.losses(levels);
  const start = { generation: 0, levels, losses };
  const run = (
    from: SwitchState,
    onGeneration: (generation: SwitchGeneration) => void = () => undefined,
  ): Promise<SwitchState> =>
    searchLevels({
      ...{ model, evaluator, budget, start: from, seed: 3, onGeneration },
      options: {
        ...{ generations: 6, children: 5 },
        stages: [
          { windows: 1, survivors: 3 },
          { windows: 2, survivors: 2 },
        ],
      },
    });
  const states: SwitchState[] = [];
  const whole = await run(start, ({ state, children }) => {
    states.push(state);
    assert.ok(children.length >= 1 && children.length <= 5);
    const reached = [1, 2, 4].map((least) => children.filter((one) => one.windows >= least).length);
    assert.equal(reached[0], children.length);
    assert.ok(reached[1]! <= 3 && reached[2]! <= 2);
  });
  const state = await run(states[2]!);
  assert.deepEqual([...state.levels], [...whole.levels]);
  assert.deepEqual(state.losses, whole.losses);
  assert.notDeepEqual([...whole.levels], [...start.levels]);
  const found = await evaluator.losses(whole.levels);
  for (const [window, loss] of whole.losses.entries()) {
    assert.ok(Math.abs(loss - found[window]!) < 1e-6 * loss);
  }
  // From one generation to the next it only gets better on all windows.
  for (const [i, { losses: now }] of states.entries()) {
    assert.ok(meanOf(now) <= meanOf(states[i - 1]?.losses ?? losses));
  }
});

test('levels are taken over from another folder, whole or not at all', async () => {
  const { weights, windows, grids, folder } = await levelsOf('llama');
  const { layers } = weights.shape;
  const key = await levelsKey(weights, windows, grids);
  const other = mkdtempSync(join(made, 'other-'));
  assert.equal(await takeLevels(folder, other, key, layers), false);
  await sealLevels(folder, key, layers);
  assert.equal(await takeLevels(folder, other, '0'.repeat(64), layers), false);
  assert.equal(await takeLevels(folder, other, key, layers), true);
  assert.equal(await stateOfLevels(other, key, layers), 'whole');
  // Another text makes other levels.
  assert.notEqual(await levelsKey(weights, windows.slice(1), grids), key);
  // A damaged file is not taken over, nor believed.
  const damaged = join(other, readdirSync(other).sort()[0]!);
  const bytes = readFileSync(damaged);
  bytes[bytes.length - 1]! ^= 1;
  rmSync(damaged);
  writeFileSync(damaged, bytes);
  assert.equal(await stateOfLevels(other, key, layers), 'damaged');
  assert.equal(await takeLevels(other, mkdtempSync(join(made, 'third-')), key, layers), false);
  assert.equal(await stateOfLevels(folder, key, layers), 'whole');
});

test('orders of units that no model has are refused', async () => {
  const { weights, grids, folder } = await levelsOf('llama');
  const file = join(folder, readdirSync(folder).sort()[0]!);
  const bytes = readFileSync(file);
  const header = Number(bytes.readBigUInt64LE(0));
  const place = (
    JSON.parse(bytes.toString('utf8', 8, 8 + header)) as Record<
      string,
      { data_offsets: [number, number] }
    >
  )['mlp.order']!.data_offsets[0];
  bytes.writeFloatLE(1e6, 8 + header + place);
  writeFileSync(file, bytes);
  await assert.rejects(LevelModel.open(weights, grids, new LevelStore(folder)), (error) => {
    assert.ok(isEngineError(error, 'checkpoint'));
    assert.match(error.message, /mlp\.order/);
    return true;
  });
});

/** What a level keeps has higher scores than what it removed. */
function expectBestKept(model: LevelModel, levels: Levels): void {
  for (const [index, block] of blocksOf(model.weights.shape).entries()) {
    const scores = orderScores(block, model.blocks[index]!.orders);
    const mask = model.mask(levels, index);
    const heads = mask.heads.map(({ vo }, head) => [vo, scores.vo[head]!] as const);
    for (const [kept, own] of [[mask.mlp, scores.mlp] as const, ...heads]) {
      const least = Math.min(...Array.from(kept, (unit) => own[unit]!));
      const removed = [...own.keys()].filter((unit) => !kept.includes(unit));
      assert.ok(removed.every((unit) => own[unit]! < least));
    }
  }
}

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
