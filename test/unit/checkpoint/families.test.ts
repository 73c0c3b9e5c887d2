import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigReader } from '../../../src/engine/checkpoint/configReader.ts';
import {
  familyNamed,
  familyOf,
  FAMILIES,
} from '../../../src/engine/checkpoint/families/registry.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { holds, tensorTable } from '../../../src/engine/checkpoint/tensorTable.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { tinyConfig } from '../../fixtures/tinyModel.ts';

type Config = Record<string, unknown>;

function parse(config: Config): ModelShape {
  return familyOf(config, config['model_type']).parse(new ConfigReader(config));
}

function checkRefused(config: Config, message: RegExp): void {
  assert.throws(
    () => parse(config),
    (error) => isEngineError(error, 'checkpoint') && message.test(error.message),
  );
}

describe('the Llama family', () => {
  const llama = (change: Config = {}): Config => tinyConfig({ config: change });

  test('derives what older configurations leave out', () => {
    const shape = parse({
      model_type: 'llama',
      hidden_size: 96,
      num_hidden_layers: 3,
      num_attention_heads: 6,
      intermediate_size: 200,
      vocab_size: 1000,
      num_key_value_heads: null,
    });
    assert.deepEqual(
      { ...shape, positions: shape.positions.kind },
      {
        family: 'llama',
        layers: 3,
        hidden: 96,
        heads: 6,
        kvHeads: 6,
        headDim: 16,
        intermediate: 200,
        vocab: 1000,
        maxPositions: 2048,
        tiedEmbeddings: false,
        norm: { kind: 'rms', epsilon: 1e-6 },
        positions: 'rope',
        mlp: { gated: true, activation: 'silu' },
        bias: { qkv: false, output: false, mlp: false },
      },
    );
  });

  test('takes a head width that is not hidden / heads', () => {
    const shape = parse(llama({ head_dim: 20, attention_bias: true }));
    assert.equal(shape.headDim, 20);
    const specs = new Map(
      tensorTable(familyNamed('llama'), shape).map((spec) => [spec.name, spec]),
    );
    assert.deepEqual(specs.get('model.layers.1.self_attn.q_proj.weight')?.dims, [80, 32]);
    assert.deepEqual(specs.get('model.layers.1.self_attn.k_proj.bias')?.dims, [40]);
    assert.deepEqual(specs.get('model.layers.0.self_attn.o_proj.weight')?.dims, [32, 80]);
    assert.equal(specs.get('model.layers.0.self_attn.o_proj.weight')?.transposed, true);
    assert.equal(specs.has('lm_head.weight'), false);
  });

  test('refuses impossible numbers with the field, the bounds and what was found', () => {
    checkRefused(
      llama({ hidden_size: undefined }),
      /"hidden_size" in config.json is missing; it must be a whole number/,
    );
    checkRefused(llama({ hidden_size: '32' }), /not "32"/);
    checkRefused(llama({ num_hidden_layers: 0 }), /from 1 to 4096, not 0/);
    checkRefused(llama({ num_hidden_layers: 1e9 }), /not 1000000000/);
    checkRefused(llama({ vocab_size: 2.5 }), /not 2.5/);
    checkRefused(llama({ num_key_value_heads: 3 }), /a divisor of 4 query heads, not 3/);
    checkRefused(
      llama({ head_dim: null, num_attention_heads: 5, num_key_value_heads: 5 }),
      /5 heads/,
    );
    checkRefused(llama({ head_dim: 7 }), /an even number/);
    checkRefused(llama({ rms_norm_eps: -1 }), /a number from 0/);
    checkRefused(llama({ hidden_act: 'mish' }), /"hidden_act" of "mish"; it must be one of silu, /);
    checkRefused(llama({ tie_word_embeddings: 'yes' }), /true or false/);
  });
});

describe('the OPT family', () => {
  const opt = (change: Config = {}): Config => tinyConfig({ family: 'opt', config: change });

  test('has learned positions after two reserved rows, biases and LayerNorm', () => {
    const shape = parse(opt());
    assert.deepEqual(shape.positions, { kind: 'learned', offset: 2 });
    assert.deepEqual(shape.bias, { qkv: true, output: true, mlp: true });
    assert.deepEqual(shape.norm, { kind: 'layer', epsilon: 1e-5 });
    assert.deepEqual(shape.mlp, { gated: false, activation: 'relu' });
    const table = tensorTable(familyNamed('opt'), shape);
    assert.deepEqual(table.find((spec) => holds(spec, 'positionTable'))?.dims, [258, 32]);
    assert.equal(table.length, 2 + 2 * 16 + 2);
  });

  test('refuses the variants we do not support', () => {
    checkRefused(
      opt({ do_layer_norm_before: false }),
      /"do_layer_norm_before" of false; it must be true/,
    );
    checkRefused(opt({ _remove_final_layer_norm: true }), /_remove_final_layer_norm/);
    checkRefused(opt({ layer_norm_elementwise_affine: false }), /layer_norm_elementwise_affine/);
    checkRefused(opt({ word_embed_proj_dim: 16 }), /"word_embed_proj_dim" of 16; it must be 32/);
    checkRefused(opt({ num_attention_heads: 5 }), /a multiple of 5 heads/);
  });
});

describe('the GPT-2 family', () => {
  const gpt2 = (change: Config = {}): Config => tinyConfig({ family: 'gpt2', config: change });

  test('has an MLP of four times the width, its own defaults, and positions from row 0', () => {
    const shape = parse({
      model_type: 'gpt2',
      ...{ n_embd: 96, n_layer: 2, n_head: 6, n_inner: null, vocab_size: 100 },
    });
    assert.equal(shape.intermediate, 384);
    assert.equal(shape.maxPositions, 1024);
    assert.equal(shape.tiedEmbeddings, true);
    assert.deepEqual(shape.positions, { kind: 'learned', offset: 0 });
    assert.deepEqual(shape.norm, { kind: 'layer', epsilon: 1e-5 });
    assert.deepEqual(shape.mlp, { gated: false, activation: 'geluTanh' });
  });

  test('reads what only the order of float32 steps depends on, and refuses other variants', () => {
    assert.deepEqual(parse(gpt2({ reorder_and_upcast_attn: true })), parse(gpt2()));
    checkRefused(gpt2({ scale_attn_weights: false }), /scale_attn_weights/);
    checkRefused(gpt2({ scale_attn_by_inverse_layer_idx: true }), /inverse_layer_idx/);
    checkRefused(gpt2({ add_cross_attention: true }), /add_cross_attention/);
    checkRefused(gpt2({ n_head: 3 }), /multiple of 3 heads/);
    checkRefused(gpt2({ n_layer: 0 }), /n_layer/);
  });
});

describe('the Phi-3 family', () => {
  const factors = { short_factor: [1, 2, 3, 4], long_factor: [5, 6, 7, 8] };
  const phi3 = (change: Config = {}): Config => tinyConfig({ family: 'phi3', config: change });
  const longrope = (change: Config = {}, rest: Config = {}): Config =>
    phi3({
      ...{ original_max_position_embeddings: 16, rope_scaling: { ...factors, ...change } },
      ...rest,
    });
  const rope = (config: Config): Extract<ModelShape['positions'], { kind: 'rope' }> => {
    const { positions } = parse(config);
    assert.ok(positions.kind === 'rope');
    return positions;
  };

  test('divides frequencies by other factors in texts beyond the first positions', () => {
    for (const type of ['longrope', 'su', 'yarn']) {
      const { inverseFrequencies, attentionFactor, long } = rope(longrope({ type }));
      const plain = [1, 0.1, 0.01, 0.001];
      const near = (found: Float64Array, divisors: number[]): void => {
        found.forEach((f, i) => assert.ok(Math.abs(f * divisors[i]! - plain[i]!) < 1e-12));
      };
      near(inverseFrequencies, [1, 2, 3, 4]);
      near(long!.inverseFrequencies, [5, 6, 7, 8]);
      assert.equal(long!.beyond, 16);
      // 256 positions from 16: √(1 + ln 16 / ln 16).
      assert.ok(Math.abs(attentionFactor - Math.SQRT2) < 1e-12);
    }
  });

  test('has one set of frequencies where no text can be longer', () => {
    const found = rope(longrope({ type: 'su' }, { original_max_position_embeddings: 256 }));
    assert.equal(found.long, undefined);
    assert.equal(found.attentionFactor, 1);
  });

  test('refuses factors of other numbers, other scalings and shares that are not even', () => {
    checkRefused(longrope({ type: 'su', long_factor: [1, 2] }), /one for each rotary pair/);
    checkRefused(longrope({ type: 'su', short_factor: [1, 2, 3, 0] }), /numbers above 0/);
    checkRefused(longrope({ type: 'linear', factor: 2 }), /longrope/);
    checkRefused(phi3({ partial_rotary_factor: 0.4 }), /partial_rotary_factor/);
  });
});

test('every family names each tensor that its shapes need', () => {
  for (const name of ['llama', 'opt'] as const) {
    const config = { attention_bias: true, mlp_bias: true };
    const shape = parse(tinyConfig({ family: name, tied: false, config }));
    const names = tensorTable(familyNamed(name), shape).map((spec) => spec.name);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.every((tensor) => !tensor.includes('{')));
  }
  assert.throws(() => familyNamed('none'), /"none" is not known/);
  assert.equal(new Set(FAMILIES.flatMap((family) => family.modelTypes)).size, FAMILIES.length);
});
