import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigReader } from '../../../src/engine/checkpoint/configReader.ts';
import { familyOf } from '../../../src/engine/checkpoint/families/registry.ts';
import { blockOf, normOf } from '../../../src/engine/model/block.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

type Config = Readonly<Record<string, unknown>>;

const SIZES: Config = {
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 7,
  num_attention_heads: 4,
  vocab_size: 500,
};

function parse(type: string, change: Config = {}, sizes: Config = SIZES): ModelShape {
  const config: Config = { model_type: type, ...sizes, ...change };
  return familyOf(config, type).parse(new ConfigReader(config));
}

function checkRefused(type: string, change: Config, message: RegExp): void {
  assert.throws(
    () => parse(type, change),
    (error) => isEngineError(error, 'checkpoint') && message.test(error.message),
  );
}

describe('Gemma', () => {
  test('is tied, scales embeddings, adds one to gains and begins with token 2 by default', () => {
    const shape = parse('gemma', { num_key_value_heads: 1 });
    assert.equal(shape.tiedEmbeddings, true);
    assert.equal(shape.headDim, 256);
    assert.equal(shape.embeddingScale, 8);
    assert.equal(shape.startToken, 2);
    assert.deepEqual(normOf(shape), { kind: 'rms', epsilon: 1e-6, gainOffset: 1 });
  });

  test('means the form with tanh by "gelu", under both names of the field', () => {
    for (const fields of [
      {},
      { hidden_act: 'gelu' },
      { hidden_act: 'gelu', hidden_activation: null },
      { hidden_act: 'gelu', hidden_activation: 'gelu_pytorch_tanh' },
    ]) {
      assert.equal(
        parse('gemma', { num_key_value_heads: 1, ...fields }).mlp.activation,
        'geluTanh',
      );
    }
  });

  test('has no start token where the configuration has none, and none beyond its vocabulary', () => {
    const one = { num_key_value_heads: 1 };
    assert.equal(parse('gemma', { ...one, bos_token_id: null }).startToken, undefined);
    assert.equal(parse('gemma', { ...one, bos_token_id: 5 }).startToken, 5);
    checkRefused('gemma', { ...one, bos_token_id: 500 }, /"bos_token_id".* from 0 to 499, not 500/);
    checkRefused('gemma', { ...one, use_bidirectional_attention: true }, /bidirectional/);
  });
});

describe('Gemma 2', () => {
  test('caps scores and logits by default, scales queries by 256 and sees a window in even blocks', () => {
    const shape = parse('gemma2');
    assert.equal(shape.logitCap, 30);
    for (const layer of [0, 1, 2]) {
      const { attention, mlp } = blockOf(shape, layer);
      assert.equal(attention.softcap, 50);
      assert.equal(attention.scale, 1 / 16);
      assert.equal(attention.window, layer % 2 === 0 ? 4096 : null);
      for (const { after } of [attention.norms, mlp.norms]) assert.equal(after?.gainOffset, 1);
      assert.equal(attention.qkNorm, null);
    }
  });

  test('takes null for no cap, and numbers as they are', () => {
    const none = parse('gemma2', { attn_logit_softcapping: null, final_logit_softcapping: null });
    assert.equal(none.logitCap, undefined);
    assert.equal(blockOf(none, 0).attention.softcap, null);
    const some = parse('gemma2', { attn_logit_softcapping: 7, query_pre_attn_scalar: 144 });
    assert.equal(blockOf(some, 0).attention.softcap, 7);
    assert.equal(blockOf(some, 0).attention.scale, 1 / 12);
    checkRefused('gemma2', { final_logit_softcapping: 0 }, /a number above 0, not 0/);
  });
});

describe('Gemma 3', () => {
  /** Frequencies of pair 1 of each block, over those of a base. */
  function turns(shape: ModelShape, base: number): boolean[] {
    const wanted = base ** (-2 / 256);
    return Array.from({ length: shape.layers }, (_, l) => {
      const [, found = 0] = blockOf(shape, l).attention.rotary!.inverseFrequencies;
      return Math.abs(found / wanted - 1) < 1e-12;
    });
  }
  const GLOBAL = [false, false, false, false, false, true, false];

  test('has heads, their width and its vocabulary by default, as the 4B leaves them out', () => {
    const shape = parse('gemma3_text', {}, { hidden_size: 2560, num_hidden_layers: 34 });
    const { heads, kvHeads, headDim, vocab, maxPositions } = shape;
    assert.deepEqual([heads, kvHeads, headDim, vocab, maxPositions], [8, 4, 256, 262_208, 131_072]);
  });

  test('turns by two bases, and sees all in every sixth block', () => {
    const shape = parse('gemma3_text');
    assert.deepEqual(turns(shape, 1e6), GLOBAL);
    assert.deepEqual(
      turns(shape, 1e4),
      GLOBAL.map((global) => !global),
    );
    const windows = GLOBAL.map((_, l) => blockOf(shape, l).attention.window);
    assert.deepEqual(
      windows,
      GLOBAL.map((global) => (global ? null : 4096)),
    );
    assert.equal(blockOf(shape, 0).attention.qkNorm?.gainOffset, 1);
    assert.equal(shape.logitCap, undefined);
  });

  test('stretches blocks that see all alone, in the older and in the newer form', () => {
    const older = { rope_scaling: { rope_type: 'linear', factor: 8 }, rope_local_base_freq: 5e3 };
    const newer = {
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1e6 },
        sliding_attention: { rope_type: 'default', rope_theta: 5e3 },
      },
    };
    for (const form of [older, newer]) {
      const shape = parse('gemma3_text', form);
      const pair = (layer: number): number =>
        blockOf(shape, layer).attention.rotary!.inverseFrequencies[1]!;
      assert.ok(Math.abs(pair(5) * 8 - 1e6 ** (-2 / 256)) < 1e-12);
      assert.ok(Math.abs(pair(0) - 5e3 ** (-2 / 256)) < 1e-12);
    }
  });

  test('follows the pattern and the list of kinds that a configuration gives', () => {
    const seesAll = (change: Config): boolean[] => {
      const shape = parse('gemma3_text', { num_hidden_layers: 3, ...change });
      return [0, 1, 2].map((l) => blockOf(shape, l).attention.window === null);
    };
    assert.deepEqual(seesAll({ sliding_window_pattern: 2 }), [false, true, false]);
    const kinds = ['full_attention', 'sliding_attention', 'full_attention'];
    assert.deepEqual(seesAll({ layer_types: kinds }), [true, false, true]);
  });

  test('refuses one rotation for both kinds, and others refuse two', () => {
    const flat = { rope_parameters: { rope_type: 'default', rope_theta: 1e6 } };
    checkRefused('gemma3_text', flat, /"rope_parameters".*"full_attention"/);
    const nested = {
      num_key_value_heads: 4,
      rope_parameters: { full_attention: { rope_type: 'default', rope_theta: 1e6 } },
    };
    for (const type of ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma', 'gemma2']) {
      checkRefused(type, nested, /one rotation for all blocks, not one for each kind/);
    }
  });

  test('with images is refused by name', () => {
    const config = { text_config: { model_type: 'gemma3_text' }, vision_config: {} };
    checkRefused('gemma3', config, /several kinds of input around a language model/);
  });
});
