import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigReader } from '../../../src/engine/checkpoint/configReader.ts';
import { familyNamed } from '../../../src/engine/checkpoint/families/registry.ts';
import { blockOf, isOutputMap, mapOf } from '../../../src/engine/model/block.ts';
import {
  blockBudget,
  blockParameters,
  countParameters,
  unitCosts,
} from '../../../src/engine/model/cost.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { rowsOf } from '../../../src/engine/model/rows.ts';
import { TINY_OPT_350M, tinyShape } from '../../fixtures/tinyModel.ts';
import { optShape, smolShape, tinyOpt } from '../subnet/shapes.ts';

test('a grouped-query Llama unit costs its rows of every query head', () => {
  // g = 3: a pair is 2 key rows and 6 query rows; a value dimension 1 row and 3 columns.
  assert.deepEqual(unitCosts(blockOf(smolShape, 0)), {
    pair: 8 * 576,
    single: 4 * 576,
    head: 64 * 4 * 576,
    vo: 4 * 576,
    mlp: 3 * 576,
    attentionFixed: 0,
    mlpFixed: 0,
  });
});

test('an OPT unit carries the biases of its rows and the sublayer its output bias', () => {
  assert.deepEqual(unitCosts(blockOf(optShape, 0)), {
    pair: 4 * 769,
    single: 2 * 769,
    head: 64 * 2 * 769,
    vo: 769 + 768,
    mlp: 769 + 768,
    attentionFixed: 768,
    mlpFixed: 768,
  });
});

test('the dense SmolLM2-135M has the published parameter counts', () => {
  const count = countParameters(smolShape, denseSubnet(smolShape));
  // METHODS 6.1: 30 blocks of 3,538,944 and a tied embedding of 28,311,552; 61 norms of 576.
  assert.equal(count.block, 106_168_320);
  assert.equal(count.total, 106_168_320 + 28_311_552 + 61 * 576);
  assert.equal(count.total, 134_515_008);
  assert.deepEqual([count.denseBlock, count.denseTotal], [count.block, count.total]);
});

test('the dense OPT-125M has the published parameter count', () => {
  const count = countParameters(optShape, denseSubnet(optShape));
  // Four attention matrices and two MLP matrices with biases.
  assert.equal(count.block, 12 * (4 * 769 * 768 + 769 * 3072 + 3073 * 768));
  assert.equal(count.total, 125_239_296);
});

test('the dense OPT-350M has the published parameter count', () => {
  const config = {
    hidden_size: 1024,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    ffn_dim: 4096,
    vocab_size: 50_272,
    max_position_embeddings: 2048,
    word_embed_proj_dim: 512,
    do_layer_norm_before: false,
  };
  const shape = familyNamed('opt').parse(new ConfigReader(config));
  const count = countParameters(shape, denseSubnet(shape));
  assert.equal(count.block, 24 * (4 * 1025 * 1024 + 1025 * 4096 + 4097 * 1024));
  assert.equal(count.total, 331_196_416);
});

test('norms behind sublayers that are removed stay', () => {
  const shape = tinyShape(TINY_OPT_350M);
  const dense = denseSubnet(shape);
  const none = new Uint32Array(0);
  const gone = {
    heads: dense.layers[0]!.heads.map(() => ({ qk: none, vo: none })),
    mlp: none,
  };
  const { total, block, denseTotal, denseBlock } = countParameters(shape, {
    layers: [gone, dense.layers[1]!],
  });
  assert.equal(denseBlock - block, blockParameters(blockOf(shape, 0), dense.layers[0]!));
  assert.equal(denseTotal - total, denseBlock - block);
});

test('an untied head is counted', () => {
  const untied = { ...smolShape, tiedEmbeddings: false };
  const tied = countParameters(smolShape, denseSubnet(smolShape)).total;
  assert.equal(countParameters(untied, denseSubnet(untied)).total, tied + 28_311_552);
});

test('a removed sublayer gives back its output bias and its norm', () => {
  const dense = denseSubnet(optShape);
  const none = new Uint32Array(0);
  const cut: Subnet = {
    layers: dense.layers.map((layer, l) => ({
      heads: l === 3 ? layer.heads.map(() => ({ qk: none, vo: none })) : layer.heads,
      mlp: l === 3 || l === 4 ? none : layer.mlp,
    })),
  };
  const before = countParameters(optShape, dense);
  const after = countParameters(optShape, cut);
  const attention = 4 * 769 * 768;
  const mlp = 769 * 3072 + 3073 * 768;
  assert.equal(before.block - after.block, attention + 2 * mlp);
  assert.equal(before.total - after.total, attention + 2 * mlp + 3 * 2 * 768);
});

test('a partly kept block counts unit by unit', () => {
  const dense = denseSubnet(smolShape);
  const layer = {
    heads: [
      { qk: Uint32Array.of(0, 5), vo: Uint32Array.of(1, 2, 3) },
      { qk: Uint32Array.of(7), vo: Uint32Array.of(9) },
      { qk: new Uint32Array(0), vo: new Uint32Array(0) },
    ],
    mlp: Uint32Array.of(10, 20),
  };
  const subnet = { layers: [layer, ...dense.layers.slice(1)] };
  const kept = 3 * 8 * 576 + 4 * 4 * 576 + 2 * 3 * 576;
  assert.equal(countParameters(smolShape, subnet).block, 29 * 3_538_944 + kept);
});

test('budgets are the exact shares of METHODS 6.1', () => {
  const budgets = [0.9, 0.8, 0.7, 0.6, 0.5].map((kept) => blockBudget(smolShape, kept));
  assert.deepEqual(budgets, [95_551_488, 84_934_656, 74_317_824, 63_700_992, 53_084_160]);
});

test('a partly rotated head costs the rows and biases that it keeps', () => {
  const whole = blockOf({ ...tinyOpt, heads: 4, headDim: 4 }, 0);
  // Of 4 dimensions one pair is rotated: units are the pair (0, 1), then dimensions 2 and 3.
  const rotary = { inverseFrequencies: Float64Array.of(1), attentionFactor: 1 };
  const block = { ...whole, attention: { ...whole.attention, rotary } };
  const heads = [
    { qk: Uint32Array.of(0, 2), vo: Uint32Array.of(1) },
    { qk: Uint32Array.of(1, 2), vo: Uint32Array.of(0, 1, 2) },
  ];
  const mask = { heads, mlp: Uint32Array.of(0, 3, 4) };
  let stored = 0;
  for (const name of ['q', 'k', 'v', 'o', 'up', 'down'] as const) {
    const { inputs, outputs } = mapOf(block, name)!;
    const rows = rowsOf(block, name, mask).length;
    stored += isOutputMap(name) ? rows * outputs + outputs : rows * (inputs + 1);
  }
  assert.equal(blockParameters(block, mask), stored);
});
