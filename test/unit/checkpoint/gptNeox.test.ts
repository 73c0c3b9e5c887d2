import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigReader } from '../../../src/engine/checkpoint/configReader.ts';
import { familyNamed, familyOf } from '../../../src/engine/checkpoint/families/registry.ts';
import { tensorTable } from '../../../src/engine/checkpoint/tensorTable.ts';
import { blockOf, blocksOf, qkUnitsOf } from '../../../src/engine/model/block.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

type Config = Record<string, unknown>;

/** What every configuration of the family says; heads are 16 wide. */
const SIZES: Config = {
  model_type: 'gpt_neox',
  ...{ hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 100 },
  vocab_size: 50,
};

function parse(change: Config = {}): ModelShape {
  const config = { ...SIZES, ...change };
  return familyOf(config, config['model_type']).parse(new ConfigReader(config));
}

function checkRefused(change: Config, message: RegExp): void {
  assert.throws(
    () => parse(change),
    (error) => isEngineError(error, 'checkpoint') && message.test(error.message),
  );
}

function frequencies(change: Config): number[] {
  const { positions } = parse(change);
  assert.ok(positions.kind === 'rope');
  return [...positions.inverseFrequencies];
}

describe('the GPT-NeoX family', () => {
  test('has biases, untied heads and parallel blocks where nothing else is said', () => {
    const shape = parse();
    assert.deepEqual(shape.bias, { qkv: true, output: true, mlp: true });
    assert.deepEqual(shape.norm, { kind: 'layer', epsilon: 1e-5 });
    assert.deepEqual(shape.mlp, { gated: false, activation: 'gelu' });
    assert.equal(shape.tiedEmbeddings, false);
    assert.equal(shape.maxPositions, 2048);
    assert.deepEqual(
      blocksOf(shape).map(({ residual }) => residual),
      ['parallel', 'parallel'],
    );
  });

  test('rotates a quarter of a head by default, and otherwise what its fields or section say', () => {
    assert.deepEqual(frequencies({}), [1, 0.01]);
    assert.deepEqual(frequencies({ rotary_pct: 0.125, rotary_emb_base: 5 }), [1]);
    const rope_parameters = { rope_type: 'default', rope_theta: 16, partial_rotary_factor: 0.25 };
    assert.deepEqual(frequencies({ rope_parameters }), [1, 0.25]);
    // What the section leaves out is beside it.
    const partial = { rope_parameters: { rope_type: 'default' }, rotary_emb_base: 16 };
    assert.deepEqual(frequencies(partial), [1, 0.25]);
    const scaled = { rope_scaling: { type: 'linear', factor: 2 }, rotary_emb_base: 16 };
    assert.deepEqual(frequencies(scaled), [0.5, 0.125]);
    assert.deepEqual(qkUnitsOf(blockOf(parse(), 0).attention), {
      ...{ pairs: 2, singles: 12, whole: false },
    });
  });

  test('reads sequential blocks, and attention without biases', () => {
    const shape = parse({ use_parallel_residual: false, attention_bias: false });
    assert.equal(blockOf(shape, 0).residual, 'sequential');
    assert.deepEqual(shape.bias, { qkv: false, output: false, mlp: true });
    assert.equal(parse({ hidden_act: 'gelu_fast' }).mlp.activation, 'geluTanh');
  });

  test('keeps query, key and value rows of a head beside each other', () => {
    const table = tensorTable(familyNamed('gpt_neox'), parse());
    const fused = table.find(({ name }) => name.endsWith('1.attention.query_key_value.bias'))!;
    assert.deepEqual(fused.dims, [192]);
    assert.deepEqual(
      fused.parts.slice(0, 4).map(({ slot, rows }) => [slot, rows.from, rows.count]),
      [
        ['q.bias', 0, 16],
        ['k.bias', 0, 16],
        ['v.bias', 0, 16],
        ['q.bias', 16, 16],
      ],
    );
    assert.equal(table.filter(({ name }) => name === 'embed_out.weight').length, 1);
  });

  test('refuses shares that rotate no whole pairs, and heads of another width', () => {
    checkRefused({ rotary_pct: 0.2 }, /rotary_pct.*even number of the 16 dimensions/);
    checkRefused({ rotary_pct: 1.5 }, /rotary_pct/);
    checkRefused({ rotary_pct: 0.01 }, /rotary_pct/);
    checkRefused({ head_dim: 8 }, /"head_dim" of 8; it must be 16/);
    checkRefused({ num_attention_heads: 5 }, /a multiple of 5 heads/);
    checkRefused({ hidden_act: 'mish' }, /hidden_act/);
  });
});
