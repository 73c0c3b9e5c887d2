import { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { inspectReportOf } from '../../../src/engine/checkpoint/inspectReport.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint, openSource } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { headerLength, parseHeader } from '../../../src/engine/checkpoint/safetensorsHeader.ts';
import { exportCompressed } from '../../../src/engine/export/exportCompressed.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { largestAllocation } from '../../fixtures/allocations.ts';
import { type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';
import { mutationsOf, propertyOptions } from '../propertyOptions.ts';
import { anyJsonMutation, jsonMutation, type Mutation, safetensorsMutation } from './mutations.ts';

const TINY = { layers: 1, hidden: 8, heads: 2, kvHeads: 1, headDim: 4, intermediate: 8, vocab: 64 };

/** Largest array allowed beside those of the file's own size: the float16 table is 256 KB. */
const SLACK_BYTES = 600_000;

/** A run that takes longer counts as hanging, ms; the slowest take about 50 when nothing else runs. */
const PATIENCE_MS = 60_000;

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hostile-'));
});
after(() => rm(root, { recursive: true }));

interface Hostile {
  readonly file: string;
  readonly options?: TinyOptions;
  readonly mutation: fc.Arbitrary<Mutation>;
  readonly runs: number;
  /** Makes the good folder of a plain one; the plain one itself when absent. */
  readonly make?: (plain: string) => Promise<string>;
}

/**
 * Spoils one file of a good model folder again and again: it must load or give an EngineError with
 * code `checkpoint`, and ask for no more memory than the files justify.
 */
async function checkHostile(hostile: Hostile): Promise<void> {
  const { file, options, mutation, runs, make = (plain) => Promise.resolve(plain) } = hostile;
  const plain = await mkdtemp(join(root, 'model-'));
  await writeTinyModel(plain, { ...TINY, ...options });
  const dir = await make(plain);
  const path = join(dir, file);
  const good = new Uint8Array(await readFile(path));
  const { files } = await openCheckpoint(dir);
  const outcomes = { loaded: 0, refused: 0 };
  const tryOnce = async (spoil: Mutation): Promise<void> => {
    const bad = spoil(good);
    await writeFile(path, bad);
    const largest = await largestAllocation(async () => {
      try {
        const checkpoint = await openCheckpoint(dir);
        const { notes } = inspectReportOf(checkpoint);
        assert.ok(notes.join().length < 4000, 'the notes repeat too much of the file');
        await loadWeights(checkpoint);
        outcomes.loaded++;
      } catch (error) {
        if (!isEngineError(error, 'checkpoint')) throw error;
        assert.ok(error.message.length < 2000, 'the message repeats too much of the file');
        outcomes.refused++;
      }
    });
    const justified = files.reduce((sum, { bytes }) => sum + bytes, bad.length);
    assert.ok(largest <= 4 * justified + SLACK_BYTES, `asked for ${largest} bytes at once`);
  };
  await fc.assert(
    fc.asyncProperty(mutation, tryOnce),
    propertyOptions({ numRuns: runs, timeout: PATIENCE_MS }),
  );
  assert.ok(outcomes.refused > runs / 4, JSON.stringify(outcomes));
}

/** A compressed export of a model whose MLP has zeros in two of four neighbours. */
async function compressed(plain: string, along: 'inputs' | 'outputs'): Promise<string> {
  const source = await openSource(plain);
  const weights = await loadWeights(source);
  const { hidden } = weights.shape;
  const keeps = (i: number): boolean => (along === 'inputs' ? i : Math.floor(i / hidden)) % 4 < 2;
  const layers = weights.layers.map((layer) => ({
    ...layer,
    up: { ...layer.up, weight: layer.up.weight.map((value, i) => (keeps(i) ? value : 0)) },
  }));
  const dir = `${plain}-${along}`;
  const options = { dtype: 'F32', origin: { sourceFingerprint: '', engineVersion: '' } } as const;
  const subnet = denseSubnet(weights.shape);
  await exportCompressed(dir, new ModelWeights({ ...weights, layers }), subnet, source, options);
  return dir;
}

describe('a spoilt model folder loads or gives one error', () => {
  test('for thousands of safetensors headers', async () => {
    const dir = await mkdtemp(join(root, 'header-'));
    await writeTinyModel(dir, TINY);
    const good = new Uint8Array(await readFile(join(dir, 'model.safetensors')));
    let refused = 0;
    const property = fc.property(safetensorsMutation, (spoil) => {
      const bad = spoil(good);
      try {
        const length = headerLength(bad.subarray(0, 8), bad.length, 'file');
        const entries = parseHeader(bad.subarray(8, 8 + length), bad.length, 'file');
        let place = 8 + length;
        for (const { begin, end, dims, elements } of entries) {
          assert.equal(begin, place);
          assert.equal(
            elements,
            dims.reduce((product, dim) => product * dim, 1),
          );
          place = end;
        }
        assert.equal(place, bad.length);
      } catch (error) {
        if (!isEngineError(error, 'checkpoint')) throw error;
        refused++;
      }
    });
    fc.assert(property, propertyOptions({ numRuns: mutationsOf(3000) }));
    assert.ok(refused > 1000, `only ${refused} were refused`);
  });

  test('for spoilt safetensors files on disk', () =>
    checkHostile({
      file: 'model.safetensors',
      mutation: safetensorsMutation,
      runs: mutationsOf(500),
    }));

  test('for spoilt float16 files on disk', () =>
    checkHostile({
      file: 'model.safetensors',
      options: { dtype: 'F16', family: 'opt' },
      mutation: safetensorsMutation,
      runs: mutationsOf(200),
    }));

  for (const along of ['inputs', 'outputs'] as const) {
    const make = (plain: string): Promise<string> => compressed(plain, along);
    test(`for spoilt files of maps without their zeros, 2:4 along the ${along}`, () =>
      checkHostile({
        file: 'model.safetensors',
        mutation: safetensorsMutation,
        runs: mutationsOf(200),
        make,
      }));

    test(`for spoilt configurations of such maps, 2:4 along the ${along}`, () =>
      checkHostile({
        ...{ file: 'config.json', runs: mutationsOf(200), make },
        mutation: jsonMutation([
          ...['quantization_config', 'hidden_size', 'intermediate_size', 'model_type', 'subnet'],
          ...['quant_method', 'sparsity_config', 'sparsity_config/format', 'config_groups'].map(
            (field) => `quantization_config/${field}`,
          ),
          ...['stock_model_type', 'masks'].map((field) => `subnet/${field}`),
        ]),
      }));
  }

  const sizes = ['hidden_size', 'num_hidden_layers', 'num_attention_heads', 'vocab_size'];
  const common = [...sizes, 'model_type', 'max_position_embeddings', 'tie_word_embeddings'];
  const rope = ['rope_theta', 'rope_type', 'factor', 'low_freq_factor', 'high_freq_factor'];
  const llama = [
    ...['num_key_value_heads', 'head_dim', 'intermediate_size', 'rms_norm_eps', 'hidden_act'],
    ...['attention_bias', 'mlp_bias', 'rope_theta', 'rope_scaling', 'rope_parameters'],
    ...[...rope, 'original_max_position_embeddings'].map((field) => `rope_parameters/${field}`),
  ];
  const scaling = {
    rope_type: 'llama3',
    rope_theta: 10_000,
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 128,
  };

  test('for spoilt configurations of a Llama', () =>
    checkHostile({
      file: 'config.json',
      options: { config: { rope_parameters: scaling } },
      mutation: jsonMutation([...common, ...llama]),
      runs: mutationsOf(500),
    }));

  test('for spoilt configurations of an OPT', () =>
    checkHostile({
      file: 'config.json',
      options: { family: 'opt' },
      mutation: jsonMutation([
        ...common,
        ...['ffn_dim', 'word_embed_proj_dim', 'do_layer_norm_before', 'activation_function'],
        ...['enable_bias', '_remove_final_layer_norm', 'quantization_config'],
      ]),
      runs: mutationsOf(300),
    }));

  for (const options of [{ tied: false }, { family: 'opt', dtype: 'F16' }] as const) {
    test(`for configurations with anything in any place: ${JSON.stringify(options)}`, () =>
      checkHostile({
        file: 'config.json',
        options,
        mutation: anyJsonMutation,
        runs: mutationsOf(300),
      }));
  }

  test('for lists of shards with anything in any place', () =>
    checkHostile({
      file: 'model.safetensors.index.json',
      options: { shards: 2 },
      mutation: anyJsonMutation,
      runs: mutationsOf(300),
    }));

  test('for spoilt lists of shards', () =>
    checkHostile({
      file: 'model.safetensors.index.json',
      options: { shards: 2 },
      mutation: jsonMutation([
        'weight_map',
        'metadata',
        'weight_map/model.norm.weight',
        'weight_map/model.embed_tokens.weight',
        'weight_map/unknown',
        'weight_map/__proto__',
      ]),
      runs: mutationsOf(300),
    }));
});
