import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { RunOutcome } from '../../src/protocol/engineApi.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import { TINY_OPT_350M, type TinyOptions } from '../fixtures/tinyModel.ts';
import { start, temporaryFolder } from './inProcess.ts';
import {
  TINY_CONFIG,
  type TinyChanges,
  type TinyRun,
  writeConfig,
  writeTinyRun,
} from './tinyRun.ts';

const folder = temporaryFolder();
const families: Record<string, TinyRun> = {};

before(async () => {
  families['llama'] = await writeTinyRun(join(folder, 'llama'));
  const options: TinyOptions = { family: 'opt', dtype: 'BF16' };
  families['opt'] = await writeTinyRun(join(folder, 'opt'), {}, options);
  families['opt-350m'] = await writeTinyRun(join(folder, 'opt-350m'), {}, TINY_OPT_350M);
});

/** Runs a tiny config with changes, on the Llama unless told otherwise. */
async function outcomeOf(changes: TinyChanges, family = 'llama'): Promise<RunOutcome> {
  const { config } = families[family]!;
  writeConfig(config, changes);
  const outcome = await start(config);
  for (const figure of Object.values(outcome.figures)) {
    if (figure === null) continue;
    assert.ok(Number.isFinite(figure.perplexity!) && figure.perplexity! > 1);
  }
  return outcome;
}

/** Kept units as stored: runs such as `0,3,5-7`. */
interface HeadJson {
  readonly qk: string;
  readonly vo: string;
}

function masksOf({ runFolder }: RunOutcome, name: string): unknown {
  return JSON.parse(readFileSync(join(runFolder, `masks/${name}.json`), 'utf8'));
}

type Search = NonNullable<RunConfig['search']>;

const searching = (search: Search): Search => ({
  ...TINY_CONFIG.search,
  ...search,
});

test('without a search the initialised subnet is reformed', async () => {
  const { figures, runFolder } = await outcomeOf({ search: { enabled: false } });
  assert.equal(figures.searched, null, 'the same model is not shown twice');
  assert.equal(figures.reformed!.blockParams, figures.initialised!.blockParams);
  assert.ok(!existsSync(join(runFolder, 'masks/searched.json')));
});

test('without a reformation there is no such row, and the searched subnet is exported', async () => {
  const { figures, exports, runFolder } = await outcomeOf({ reform: { method: 'none' } });
  assert.equal(figures.reformed, null);
  assert.equal(exports.length, 3);
  assert.ok(!existsSync(join(runFolder, 'export/reformed.safetensors')));
});

test('ADMM runs, with tied masks and the layer target as in the paper', async () => {
  const outcome = await outcomeOf({
    attention: 'tied',
    reform: { method: 'admm', target: 'layer', damping: 0.1 },
  });
  assert.ok(outcome.figures.reformed !== null);
  const { layers } = masksOf(outcome, 'searched') as { layers: { heads: HeadJson[] }[] };
  for (const { heads } of layers) {
    for (const { qk, vo } of heads) {
      assert.equal(2 * count(qk), count(vo), 'a pair is two dimensions');
    }
  }
});

test('KL fitness is near zero where the subnet is nearly the model', async () => {
  const outcome = await outcomeOf({ ratio: 0.98, search: searching({ fitness: 'kl' }) });
  const lines = readFileSync(join(outcome.runFolder, 'evaluations.jsonl'), 'utf8').trim();
  const fitness = lines
    .split('\n')
    .map((line) => (JSON.parse(line) as { fitness: number }).fitness);
  assert.ok(fitness.every((kl) => kl > -1e-5 && kl < 2));
});

test('blocks are removed where the search may remove them', async () => {
  const search = searching({
    ...{ generations: 4, mutation: { depth: 1 } },
    ranges: { ...TINY_CONFIG.search.ranges, depth: [0.3, 0.67] },
  });
  const { figures } = await outcomeOf({ ratio: 0.5, search });
  assert.ok(figures.searched!.blockParams <= 0.5 * figures.dense!.blockParams);
});

test('an OPT in BF16 runs, tied and not', async () => {
  for (const attention of ['tied', 'decoupled'] as const) {
    const { figures, exports } = await outcomeOf({ attention }, 'opt');
    assert.ok(figures.reformed !== null);
    assert.equal(exports.length, 3);
  }
});

test('an OPT with norms behind its sublayers runs, and blocks of it are removed', async () => {
  const search = searching({
    ...{ generations: 4, mutation: { depth: 1 } },
    ranges: { ...TINY_CONFIG.search.ranges, depth: [0.3, 0.67] },
  });
  const sparsify = { method: 'wanda', pattern: '2:4' } as const;
  const { figures, exports } = await outcomeOf({ ratio: 0.5, search, sparsify }, 'opt-350m');
  assert.ok(figures.searched!.blockParams <= 0.5 * figures.dense!.blockParams);
  assert.ok(exports.length >= 3);
});

test('ratio 1 keeps the model as it is', async () => {
  const { figures } = await outcomeOf({ ratio: 1 });
  assert.equal(figures.searched!.blockParams, figures.dense!.blockParams);
  assert.equal(figures.searched!.perplexity, figures.dense!.perplexity);
  assert.ok(Math.abs(figures.reformed!.perplexity! / figures.dense!.perplexity! - 1) < 1e-3);
});

test('a very small ratio keeps very little and still ends', async () => {
  const { figures } = await outcomeOf({
    ratio: 0.06,
    search: searching({
      ranges: { attention: [0.01, 1, 0.01], mlp: [0.01, 1, 0.01], depth: [0.3, 1] },
    }),
  });
  const share = figures.searched!.blockParams / figures.dense!.blockParams;
  assert.ok(share <= 0.06 && share > 0, `${share}`);
});

test('without exports only the subnet config is written', async () => {
  const outcome = await outcomeOf({ export: { checkpoint: false, onnx: false } });
  assert.deepEqual(
    outcome.exports.map(({ form }) => form),
    ['subnet'],
  );
  assert.ok(!existsSync(join(outcome.runFolder, 'export/onnx')));
});

test('other scores, number formats and held-out texts are taken', async () => {
  const { heldout, score } = { heldout: 'text.txt', score: 'wanda' } as const;
  const one = await outcomeOf({ heldout, importance: { score }, export: { dtype: 'float16' } });
  assert.ok(one.figures.searched!.bytes < one.figures.dense!.bytes);
  await outcomeOf({
    importance: { score: 'magnitude' },
    evaluation: { context: 16, random: false },
  });
});

function count(units: string): number {
  return units.split(',').reduce((sum, run) => {
    const [first, last = first] = run.split('-').map(Number);
    return sum + last! - first! + 1;
  }, 0);
}
