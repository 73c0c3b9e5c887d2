import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint, openSource } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { readSubnetCheckpoint } from '../../../src/engine/export/readSubnetCheckpoint.ts';
import { searchTimeLogits } from '../../../src/engine/export/searchTimeLogits.ts';
import { stockLayout } from '../../../src/engine/export/stockLayout.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { maskedWeights } from '../../fixtures/maskedWeights.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyShape, type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';
import {
  changed,
  difference,
  F32,
  GPT2,
  LLAMA,
  NEOX,
  NO_HEAD,
  OPT,
  OPT_350M,
  PHI3,
  randomWindows,
  reformed,
  searchTimeModel,
  withoutAttention,
} from './candidates.ts';

type Json = Record<string, unknown>;

describe('exportCheckpoint', () => {
  let folder: string;
  const runtime = new Runtime('cpu', 2);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  async function write(
    name: string,
    options: TinyOptions,
    make: (shape: ModelShape) => Subnet,
  ): Promise<{
    dir: string;
    config: Json;
    weights: Awaited<ReturnType<typeof loadWeights>>;
    subnet: Subnet;
  }> {
    await writeTinyModel(join(folder, `${name}-source`), options);
    const source = await openSource(join(folder, `${name}-source`));
    const weights = reformed(await loadWeights(source));
    const subnet = make(weights.shape);
    const dir = join(folder, name);
    await exportCheckpoint(dir, weights, subnet, source, F32);
    const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as Json;
    return { dir, config, weights, subnet };
  }

  /** The ordinary reader takes an export for what it is, and its logits are the candidate's. */
  async function assertPlain(
    dir: string,
    weights: Awaited<ReturnType<typeof loadWeights>>,
    subnet: Subnet,
  ): Promise<void> {
    const plain = await loadWeights(await openCheckpoint(dir));
    const [window] = randomWindows(weights.shape.vocab, 1, 9);
    const got = await searchTimeLogits(
      searchTimeModel(runtime, plain.shape),
      plain,
      denseSubnet(plain.shape),
      window!,
    );
    const search = searchTimeModel(runtime, weights.shape);
    assert.ok(difference(got, await searchTimeLogits(search, weights, subnet, window!)) < 1e-4);
  }

  for (const [i, options] of [
    LLAMA,
    { ...LLAMA, tied: false, config: { attention_bias: true, mlp_bias: true } },
    OPT,
    OPT_350M,
    GPT2,
    PHI3,
    NEOX,
  ].entries()) {
    test(`is read back as the masked weights: ${JSON.stringify(options)}`, async () => {
      for (const seed of [1, 2, 3, 4]) {
        const make = (shape: ModelShape): Subnet => randomMasks(shape, seed);
        const { dir, weights, subnet } = await write(`ragged-${i}-${seed}`, options, make);
        const back = await readSubnetCheckpoint(dir);
        assert.deepEqual(back.subnet, subnet);
        const search = searchTimeModel(runtime, weights.shape);
        const [window] = randomWindows(weights.shape.vocab, 1, 9);
        const expected = await searchTimeLogits(search, weights, subnet, window!);
        const got = await searchTimeLogits(search, back.weights, back.subnet, window!);
        assert.deepEqual(got, expected);
        // Run dense, the zeros must do what the mask does.
        const dense = denseSubnet(weights.shape);
        const zeros = await searchTimeLogits(search, back.weights, dense, window!);
        const masked = await searchTimeLogits(
          search,
          maskedWeights(weights, subnet),
          dense,
          window!,
        );
        assert.ok(difference(zeros, masked) < 1e-4);
      }
    });
  }

  test('gives equal blocks with whole heads the form of a plain smaller model', async () => {
    const { dir, config, weights, subnet } = await write('uniform', LLAMA, (shape) =>
      changed(shape, (mask, l) =>
        l === 1
          ? { ...withoutAttention(mask), mlp: new Uint32Array(0) }
          : { heads: mask.heads.with(l, NO_HEAD), mlp: mask.mlp.slice(0, 20 + l).slice(-20) },
      ),
    );
    assert.equal(config['model_type'], 'llama');
    assert.equal(config['num_hidden_layers'], 2);
    assert.equal(config['num_attention_heads'], 4);
    assert.equal(config['num_key_value_heads'], 2);
    assert.equal(config['head_dim'], 8);
    assert.equal(config['intermediate_size'], 20);
    assert.equal(config['auto_map'], undefined);
    await assertPlain(dir, weights, subnet);
    assert.deepEqual((await readSubnetCheckpoint(dir)).subnet, subnet);
  });

  for (const [options, fields] of [
    [GPT2, { n_layer: 2, n_inner: 20 }],
    [PHI3, { num_hidden_layers: 2, intermediate_size: 20 }],
    [NEOX, { num_hidden_layers: 2, intermediate_size: 20, rotary_pct: 0.5 }],
  ] as const) {
    test(`stores the maps of a smaller ${options.family} as its family does`, async () => {
      const name = `uniform-${options.family}`;
      const { dir, config, weights, subnet } = await write(name, options, (shape) =>
        changed(shape, (mask, l) =>
          l === 1
            ? { ...withoutAttention(mask), mlp: new Uint32Array(0) }
            : { ...mask, mlp: mask.mlp.slice(0, 20 + l).slice(-20) },
        ),
      );
      for (const [field, value] of Object.entries(fields)) assert.equal(config[field], value);
      await assertPlain(dir, weights, subnet);
    });
  }

  test('says why stock transformers cannot build a subnet', () => {
    const shape = modelShapes.llama;
    const reason = (subnet: Subnet, of: ModelShape = shape): string =>
      stockLayout(of, subnet).loadable.reason;
    const head = { qk: Uint32Array.of(0, 1), vo: Uint32Array.of(0) };
    assert.match(
      reason(changed(shape, (mask) => ({ ...mask, heads: mask.heads.with(0, head) }))),
      /channels were pruned inside heads/,
    );
    assert.match(reason(changed(shape, withoutAttention)), /lack attention/);
    assert.match(
      reason(changed(shape, (mask, l) => ({ ...mask, mlp: mask.mlp.slice(l) }))),
      /different sizes/,
    );
    assert.match(
      reason(
        changed(modelShapes.opt, (mask) => ({ ...mask, heads: mask.heads.with(0, NO_HEAD) })),
        modelShapes.opt,
      ),
      /width of a head/,
    );
    assert.match(
      reason(
        changed(shape, (mask) => ({ ...mask, heads: [mask.heads[0]!, NO_HEAD, NO_HEAD] })),
        {
          ...shape,
          hidden: 41,
        },
      ),
      /do not divide/,
    );
    const postNorm = tinyShape(OPT_350M);
    const shorter = changed(postNorm, (mask, l) =>
      l === 1 ? { ...withoutAttention(mask), mlp: new Uint32Array(0) } : mask,
    );
    assert.match(reason(shorter, postNorm), /leave the norms behind/);
    for (const of of [shape, postNorm]) {
      assert.equal(stockLayout(of, denseSubnet(of)).loadable.transformers, true);
    }
  });

  test('does not take a family it does not know for Llama', () => {
    const shape = tinyShape(LLAMA);
    assert.throws(
      () => stockLayout({ ...shape, family: 'mamba' }, denseSubnet(shape)),
      (error) => isEngineError(error, 'checkpoint') && /"?mamba"?/.test(error.message),
    );
  });

  test('copies the tokenizer, writes the module, and nothing else of the source', async () => {
    await writeTinyModel(join(folder, 'files-source'), LLAMA);
    await writeFile(join(folder, 'files-source', 'notes.txt'), 'private');
    const { dir } = await write('files', LLAMA, (shape) => randomMasks(shape, 5));
    assert.deepEqual((await readdir(dir)).sort(), [
      'README.md',
      'config.json',
      'model.safetensors',
      'modeling_subnet.py',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  test('refuses to write over the source model', async () => {
    await writeTinyModel(join(folder, 'own'), LLAMA);
    const source = await openSource(join(folder, 'own'));
    const weights = await loadWeights(source);
    const writing = exportCheckpoint(
      join(folder, 'own'),
      weights,
      denseSubnet(weights.shape),
      source,
      F32,
    );
    await assert.rejects(writing, (error) => isEngineError(error, 'disk'));
    assert.deepEqual(await loadWeights(await openCheckpoint(join(folder, 'own'))), weights);
  });

  describe('readSubnetCheckpoint', () => {
    const damages: [string, (config: Json, block: Json) => void][] = [
      ['no subnet block', (config) => delete config['subnet']],
      ['a newer version', (_, block) => (block['version'] = 2)],
      ['masks that are missing', (_, block) => delete block['masks']],
      ['another key', (_, block) => (block['key'] = 'abc')],
      ['masks out of range', (config) => (config['intermediate_size'] = 3)],
      [
        'sizes that would fill the memory',
        (config) => Object.assign(config, { vocab_size: 1 << 23, intermediate_size: 1 << 24 }),
      ],
      ['sizes of other weights', (config) => (config['vocab_size'] = 97)],
    ];
    for (const [what, damage] of damages) {
      test(`refuses ${what}`, async () => {
        const { dir, config } = await write('damaged', LLAMA, (shape) => randomMasks(shape, 5));
        damage(config, config['subnet'] as Json);
        await writeFile(join(dir, 'config.json'), JSON.stringify(config));
        await assert.rejects(readSubnetCheckpoint(dir), (error) =>
          isEngineError(error, 'checkpoint'),
        );
      });
    }
  });
});

const modelShapes = { llama: tinyShape(LLAMA), opt: tinyShape(OPT) };
