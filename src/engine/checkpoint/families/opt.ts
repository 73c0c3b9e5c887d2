import { MOST_HEADS, MOST_LAYERS } from '../../../protocol/bounds.ts';
import type { ConfigReader } from '../configReader.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import { ACTIVATIONS } from './activations.ts';
import { withinBounds } from './withinBounds.ts';
import type { Family } from './family.ts';

/** Rows of OPT's position table before the one of position 0. */
const POSITION_OFFSET = 2;

/** OPT with norms before the sublayers: every size but 350M. */
export const opt: Family = {
  name: 'opt',
  modelTypes: ['opt'],
  parse: parseOpt,
  sizeFields: {
    layers: 'num_hidden_layers',
    mlp: 'ffn_dim',
    heads: 'num_attention_heads',
    kvHeads: null,
    headDim: null,
  },
  tensorNames: {
    embedding: 'model.decoder.embed_tokens.weight',
    positionTable: 'model.decoder.embed_positions.weight',
    'attentionNorm.gain': 'model.decoder.layers.{layer}.self_attn_layer_norm.weight',
    'attentionNorm.shift': 'model.decoder.layers.{layer}.self_attn_layer_norm.bias',
    'q.weight': 'model.decoder.layers.{layer}.self_attn.q_proj.weight',
    'q.bias': 'model.decoder.layers.{layer}.self_attn.q_proj.bias',
    'k.weight': 'model.decoder.layers.{layer}.self_attn.k_proj.weight',
    'k.bias': 'model.decoder.layers.{layer}.self_attn.k_proj.bias',
    'v.weight': 'model.decoder.layers.{layer}.self_attn.v_proj.weight',
    'v.bias': 'model.decoder.layers.{layer}.self_attn.v_proj.bias',
    'o.weight': 'model.decoder.layers.{layer}.self_attn.out_proj.weight',
    'o.bias': 'model.decoder.layers.{layer}.self_attn.out_proj.bias',
    'mlpNorm.gain': 'model.decoder.layers.{layer}.final_layer_norm.weight',
    'mlpNorm.shift': 'model.decoder.layers.{layer}.final_layer_norm.bias',
    'up.weight': 'model.decoder.layers.{layer}.fc1.weight',
    'up.bias': 'model.decoder.layers.{layer}.fc1.bias',
    'down.weight': 'model.decoder.layers.{layer}.fc2.weight',
    'down.bias': 'model.decoder.layers.{layer}.fc2.bias',
    'finalNorm.gain': 'model.decoder.final_layer_norm.weight',
    'finalNorm.shift': 'model.decoder.final_layer_norm.bias',
    head: 'lm_head.weight',
  },
};

function parseOpt(config: ConfigReader): ModelShape {
  const hidden = config.size('hidden_size');
  const heads = config.integer('num_attention_heads', { min: 1, max: MOST_HEADS });
  if (hidden % heads !== 0) {
    config.fail('hidden_size', `a multiple of ${heads} heads`, `${hidden}`);
  }
  refuseVariants(config, hidden);
  const bias = config.boolean('enable_bias', true);
  return withinBounds(config, {
    family: 'opt',
    layers: config.integer('num_hidden_layers', { min: 1, max: MOST_LAYERS }),
    hidden,
    heads,
    kvHeads: heads,
    headDim: hidden / heads,
    intermediate: config.size('ffn_dim'),
    vocab: config.size('vocab_size'),
    maxPositions: config.size('max_position_embeddings', 2048),
    tiedEmbeddings: config.boolean('tie_word_embeddings', true),
    // The configuration has no field for epsilon: the layers are built with the default of 1e-5.
    norm: { kind: 'layer', epsilon: 1e-5 },
    positions: { kind: 'learned', offset: POSITION_OFFSET },
    mlp: { gated: false, activation: config.choice('activation_function', ACTIVATIONS, 'relu') },
    bias: { qkv: bias, output: bias, mlp: bias },
  });
}

function refuseVariants(config: ConfigReader, hidden: number): void {
  const before = 'do_layer_norm_before';
  config.require(before, true, config.boolean(before, true));
  const removed = '_remove_final_layer_norm';
  config.require(removed, false, config.boolean(removed, false));
  const affine = 'layer_norm_elementwise_affine';
  config.require(affine, true, config.boolean(affine, true));
  const projection = 'word_embed_proj_dim';
  config.require(projection, hidden, config.size(projection, hidden));
}
