import { MOST_LAYERS } from '../../../protocol/bounds.ts';
import type { Block } from '../../model/block.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import { ACTIVATIONS } from './activations.ts';
import { readEqualHeads } from './equalHeads.ts';
import type { Family, MapPart } from './family.ts';
import { parsePartialRope } from './rope.ts';
import { withTraits } from './withTraits.ts';

const QKV = 'gpt_neox.layers.{layer}.attention.query_key_value';

/**
 * GPT-NeoX and everything saved in its form (Pythia, Dolly, RedPajama-INCITE): heads rotated in part,
 * both sublayers of a block on one stream, and q, k and v in one tensor, head by head.
 */
export const gptNeox: Family = {
  name: 'gpt_neox',
  modelTypes: ['gpt_neox'],
  parse: parseGptNeox,
  sizeFields: {
    layers: 'num_hidden_layers',
    mlp: 'intermediate_size',
    heads: 'num_attention_heads',
    kvHeads: null,
    headDim: null,
  },
  tensorNames: {
    embedding: 'gpt_neox.embed_in.weight',
    'attentionNorm.gain': 'gpt_neox.layers.{layer}.input_layernorm.weight',
    'attentionNorm.shift': 'gpt_neox.layers.{layer}.input_layernorm.bias',
    'q.weight': `${QKV}.weight`,
    'q.bias': `${QKV}.bias`,
    'k.weight': `${QKV}.weight`,
    'k.bias': `${QKV}.bias`,
    'v.weight': `${QKV}.weight`,
    'v.bias': `${QKV}.bias`,
    'o.weight': 'gpt_neox.layers.{layer}.attention.dense.weight',
    'o.bias': 'gpt_neox.layers.{layer}.attention.dense.bias',
    'mlpNorm.gain': 'gpt_neox.layers.{layer}.post_attention_layernorm.weight',
    'mlpNorm.shift': 'gpt_neox.layers.{layer}.post_attention_layernorm.bias',
    'up.weight': 'gpt_neox.layers.{layer}.mlp.dense_h_to_4h.weight',
    'up.bias': 'gpt_neox.layers.{layer}.mlp.dense_h_to_4h.bias',
    'down.weight': 'gpt_neox.layers.{layer}.mlp.dense_4h_to_h.weight',
    'down.bias': 'gpt_neox.layers.{layer}.mlp.dense_4h_to_h.bias',
    'finalNorm.gain': 'gpt_neox.final_layer_norm.weight',
    'finalNorm.shift': 'gpt_neox.final_layer_norm.bias',
    head: 'embed_out.weight',
  },
  fused: (block) => [headByHead(block)],
  // Masks and frequencies, which older programs saved with the weights.
  buffers: ['.attention.bias', '.attention.masked_bias'],
};

/** The query, key and value rows of the first head, then those of the second, and so on. */
function headByHead({ attention: { heads, headDim } }: Block): MapPart[] {
  return Array.from({ length: heads }, (_, head) =>
    (['q', 'k', 'v'] as const).map((map) => ({ map, from: head * headDim, count: headDim })),
  ).flat();
}

function parseGptNeox(config: ConfigReader): ModelShape {
  const sizes = readEqualHeads(config);
  const { headDim } = sizes;
  config.require('head_dim', headDim, config.size('head_dim', headDim));
  const maxPositions = config.size('max_position_embeddings', 2048);
  const biased = config.boolean('attention_bias', true);
  const shape: ModelShape = {
    family: 'gpt_neox',
    layers: config.integer('num_hidden_layers', { min: 1, max: MOST_LAYERS }),
    ...sizes,
    intermediate: config.size('intermediate_size'),
    vocab: config.size('vocab_size'),
    maxPositions,
    tiedEmbeddings: config.boolean('tie_word_embeddings', false),
    norm: { kind: 'layer', epsilon: config.atLeastZero('layer_norm_eps', 1e-5) },
    positions: parsePartialRope(config, headDim, maxPositions, {
      base: 'rotary_emb_base',
      part: 'rotary_pct',
      defaultPart: 0.25,
    }),
    mlp: { gated: false, activation: config.choice('hidden_act', ACTIVATIONS, 'gelu') },
    bias: { qkv: biased, output: biased, mlp: true },
  };
  const isParallel = config.boolean('use_parallel_residual', true);
  return withTraits(config, shape, () => (isParallel ? { residual: 'parallel' } : null));
}
