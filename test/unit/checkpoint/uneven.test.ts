import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspectReportOf } from '../../../src/engine/checkpoint/inspectReport.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint, openSource } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { blocksOf } from '../../../src/engine/model/block.ts';
import { blockBudget, countParameters } from '../../../src/engine/model/cost.ts';
import { denseMask, denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { initialSubnet } from '../../../src/engine/search/baseline.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { rawSafetensors, takeApart } from '../../fixtures/rawSafetensors.ts';
import { checkRefusal, withConfig } from '../../fixtures/refusedModel.ts';
import { tinyConfig, writeTinyModel } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA } from '../export/candidates.ts';
import { randomScores } from '../subnet/shapes.ts';

type Json = Record<string, unknown>;
const WEIGHTS = 'model.safetensors';

describe('a sliced checkpoint', () => {
  let folder: string;
  let dir: string;
  let subnet: Subnet;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'uneven-'));
    await writeTinyModel(join(folder, 'source'), LLAMA);
    const source = await openSource(join(folder, 'source'));
    const weights = await loadWeights(source);
    const { layers } = randomMasks(weights.shape, 1);
    const none = new Uint32Array(0);
    // A block without attention, one without its MLP.
    const [first, second, ...rest] = layers;
    const bare = first!.heads.map(() => ({ qk: none, vo: none }));
    subnet = { layers: [{ ...first!, heads: bare }, { ...second!, mlp: none }, ...rest] };
    dir = join(folder, 'sliced');
    await exportCheckpoint(dir, weights, subnet, source, F32);
  });
  after(() => rm(folder, { recursive: true }));

  test('has the units that its masks name, and is counted by what is there', async () => {
    const { shape, tensors, unused, config } = await openCheckpoint(dir);
    assert.deepEqual(denseSubnet(shape), subnet);
    assert.deepEqual(unused, []);
    assert.equal(config['model_type'], 'llama');
    assert.equal(config['subnet'], undefined);
    const { params, blockParams, parts, notes } = inspectReportOf(await openCheckpoint(dir));
    const stored = tensors.reduce((sum, { located }) => sum + located.entry.elements, 0);
    assert.equal(params, stored);
    assert.equal(params, countParameters(shape, subnet).denseTotal);
    assert.equal(blockBudget(shape, 1), blockParams);
    const neurons = subnet.layers.reduce((sum, { mlp }) => sum + mlp.length, 0);
    assert.equal(parts.find(({ name }) => name === 'MLP neurons')!.units, neurons);
    assert.match(notes.join(), /Blocks differ in size: \d+ of the \d+ parameters/);
  });

  test('is narrowed within what it has, exactly on a budget of it', async () => {
    const { shape } = await openCheckpoint(dir);
    for (const ratio of [1, 0.9, 0.6, 0.3]) {
      const budget = blockBudget(shape, ratio);
      const problem = { shape, masks: 'decoupled', budget } as const;
      const made = initialSubnet(problem, randomScores(shape, 1));
      assertLegal(shape, made);
      assertOnBudget(shape, made, budget);
    }
  });

  test('refuses masks of units that it does not have', async () => {
    const { shape } = await openCheckpoint(dir);
    const whole = await openCheckpoint(join(folder, 'source'));
    assert.throws(
      () => assertLegal(shape, denseSubnet(whole.shape)),
      /does not fit the model: layers\[0\].* keeps unit 0, which was removed from the model before/,
    );
  });

  const damages: readonly [string, (config: Json, block: Json) => void, RegExp][] = [
    ['no block', (config) => delete config['subnet'], /has no "subnet", so the folder holds no/],
    ['a newer version', (_, block) => (block['version'] = 2), /"version" of 2; it must be 1/],
    ['no masks', (_, block) => delete block['masks'], /subnet\.masks/],
    ['masks of another key', (_, block) => (block['key'] = 'abc'), /are damaged: their key is/],
    ['original fields that are none', (_, block) => (block['original'] = 'x'), /"original"/],
    [
      'no model type before',
      (_, block) => (block['original'] = {}),
      /does not say of what type the model was before it was pruned/,
    ],
    [
      'another model type before',
      (_, block) => (block['original'] = { model_type: 'falcon' }),
      /type "falcon"/,
    ],
    ['sizes that the masks do not fit', (config) => (config['intermediate_size'] = 3), /masks/],
    [
      'sizes that contradict the tensors',
      (config) => (config['hidden_size'] = 44),
      /has the shape \[96, 40\], but by config\.json it has \[96, 44\]/,
    ],
    [
      'sizes that would fill the memory',
      (config) => Object.assign(config, { vocab_size: 1 << 23, intermediate_size: 1 << 23 }),
      /describes a dense model of \d+ bytes/,
    ],
  ];
  for (const [what, damage, sentence] of damages) {
    test(`is refused with ${what}`, async () => {
      const path = join(dir, 'config.json');
      const text = await readFile(path, 'utf8');
      const config = JSON.parse(text) as Json;
      damage(config, config['subnet'] as Json);
      await writeFile(path, JSON.stringify(config));
      try {
        await assert.rejects(openCheckpoint(dir), (error) => {
          assert.ok(isEngineError(error, 'checkpoint'), String(error));
          assert.match(error.message, sentence);
          return true;
        });
      } finally {
        await writeFile(path, text);
      }
    });
  }

  /** Opens the checkpoint with another header of its weights. */
  async function withHeader(
    edit: (header: ReturnType<typeof takeApart>['header']) => unknown,
  ): Promise<unknown> {
    const path = join(dir, WEIGHTS);
    const bytes = await readFile(path);
    const { header, data } = takeApart(bytes);
    edit(header);
    await writeFile(path, rawSafetensors(header, data));
    try {
      return await openCheckpoint(dir).then(
        () => undefined,
        (error: unknown) => error,
      );
    } finally {
      await writeFile(path, bytes);
    }
  }

  test('is refused with a tensor of a sublayer that was removed', async () => {
    const from = 'model.layers.2.mlp.up_proj.weight';
    const name = 'model.layers.1.mlp.up_proj.weight';
    const error = await withHeader((header) => (header[name] = header[from]!));
    assert.ok(isEngineError(error, 'checkpoint'), String(error));
  });

  test('says which tensor of a removed sublayer is there, and which is missing', async () => {
    const gone = 'model.layers.0.mlp.up_proj.weight';
    const put = 'model.layers.1.mlp.up_proj.weight';
    const rename = (from: string, to: string) => (header: Record<string, unknown>) => {
      header[to] = header[from];
      Reflect.deleteProperty(header, from);
    };
    const missing = await withHeader(rename(gone, put));
    assert.match(String(missing), /have no tensor "model\.layers\.0\.mlp\.up_proj\.weight"/);
    const norm = 'model.layers.0.input_layernorm.weight';
    const extra = await withHeader((header) => {
      header[norm] = { dtype: 'F32', shape: [0], data_offsets: [0, 0] };
    });
    assert.match(
      String(extra),
      /hold tensor .*input_layernorm.*, but by config\.json its sublayer/,
    );
  });
});

describe('blocks of sizes of their own', () => {
  test('are the first heads and neurons of the largest block', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'per-layer-'));
    try {
      // What is there by a checkpoint of these sizes is what the larger one has less of.
      await writeTinyModel(dir, LLAMA);
      const own = { 1: { intermediate_size: 8 } };
      await writeFile(
        join(dir, 'config.json'),
        JSON.stringify({ ...tinyConfig(LLAMA), per_layer_config: own }),
      );
      await assert.rejects(
        openCheckpoint(dir),
        /gate_proj.* has the shape .*, but by config\.json/,
      );
      const none = { ...tinyConfig(LLAMA), per_layer_config: {} };
      await writeFile(join(dir, 'config.json'), JSON.stringify(none));
      const { shape } = await openCheckpoint(dir);
      assert.deepEqual(blocksOf(shape).map(denseMask), denseSubnet(shape).layers);
      assert.equal(shape.blocks, undefined);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  const refused: readonly [string, unknown, RegExp][] = [
    [
      'of another window',
      { 1: { sliding_window: 4 } },
      /gives block 1 a "sliding_window" of its own/,
    ],
    ['of another width of heads', { 1: { head_dim: 4 } }, /gives block 1 heads of width 4/],
    [
      'of other groups of heads',
      { 0: { num_key_value_heads: 1 } },
      /gives block 0 6 query heads for each key\/value head, and others 2/,
    ],
    [
      'that are none',
      { 7: { intermediate_size: 4 } },
      /names block "7", but the model has blocks 0/,
    ],
    ['that say nothing', { 1: 3 }, /gives block 1 no object/],
    ['in no object', [1], /"per_layer_config"/],
    ['of no neurons', { 1: { intermediate_size: 0 } }, /"intermediate_size"/],
  ];
  for (const [what, own, is] of refused) {
    test(`are refused for blocks ${what}`, () =>
      checkRefusal({
        name: what,
        options: LLAMA,
        spoil: withConfig({ per_layer_config: own }, LLAMA),
        ...{ is, action: /./ },
      }));
  }
});
