import { MOST_HEAD_DIM, MOST_HEADS, MOST_LAYERS } from '../../../protocol/bounds.ts';
import type { ConfigReader } from '../configReader.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import { ACTIVATIONS } from './activations.ts';
import { withinBounds } from './withinBounds.ts';
import type { Family } from './family.ts';
import { parseRope } from './rope.ts';

/** Llama 1 to 3 and everything saved in its form (SmolLM, TinyLlama, …). */
export const llama: Family = {
  name: 'llama',
  modelTypes: ['llama'],
  parse: parseLlama,
  sizeFields: {
    mlp: 'intermediate_size',
    heads: 'num_attention_heads',
    kvHeads: 'num_key_value_heads',
    headDim: 'head_dim',
  },
  tensorNames: {
    embedding: 'model.embed_tokens.weight',
    'attentionNorm.gain': 'model.layers.{layer}.input_layernorm.weight',
    'q.weight': 'model.layers.{layer}.self_attn.q_proj.weight',
    'q.bias': 'model.layers.{layer}.self_attn.q_proj.bias',
    'k.weight': 'model.layers.{layer}.self_attn.k_proj.weight',
    'k.bias': 'model.layers.{layer}.self_attn.k_proj.bias',
    'v.weight': 'model.layers.{layer}.self_attn.v_proj.weight',
    'v.bias': 'model.layers.{layer}.self_attn.v_proj.bias',
    'o.weight': 'model.layers.{layer}.self_attn.o_proj.weight',
    'o.bias': 'model.layers.{layer}.self_attn.o_proj.bias',
    'mlpNorm.gain': 'model.layers.{layer}.post_attention_layernorm.weight',
    'gate.weight': 'model.layers.{layer}.mlp.gate_proj.weight',
    'gate.bias': 'model.layers.{layer}.mlp.gate_proj.bias',
    'up.weight': 'model.layers.{layer}.mlp.up_proj.weight',
    'up.bias': 'model.layers.{layer}.mlp.up_proj.bias',
    'down.weight': 'model.layers.{layer}.mlp.down_proj.weight',
    'down.bias': 'model.layers.{layer}.mlp.down_proj.bias',
    'finalNorm.gain': 'model.norm.weight',
    head: 'lm_head.weight',
  },
};

function parseLlama(config: ConfigReader): ModelShape {
  const hidden = config.size('hidden_size');
  const heads = config.integer('num_attention_heads', { min: 1, max: MOST_HEADS });
  const kvHeads = config.size('num_key_value_heads', heads);
  if (heads % kvHeads !== 0) {
    config.fail('num_key_value_heads', `a divisor of ${heads} query heads`, `${kvHeads}`);
  }
  if (!config.has('head_dim') && hidden % heads !== 0) {
    config.fail('hidden_size', `a multiple of ${heads} heads, or a head_dim`, `${hidden}`);
  }
  const headDim = config.integer('head_dim', { min: 1, max: MOST_HEAD_DIM }, hidden / heads);
  const attentionBias = config.boolean('attention_bias', false);
  const maxPositions = config.size('max_position_embeddings', 2048);
  return withinBounds(config, {
    family: 'llama',
    layers: config.integer('num_hidden_layers', { min: 1, max: MOST_LAYERS }),
    hidden,
    heads,
    kvHeads,
    headDim,
    intermediate: config.size('intermediate_size'),
    vocab: config.size('vocab_size'),
    maxPositions,
    tiedEmbeddings: config.boolean('tie_word_embeddings', false),
    norm: { kind: 'rms', epsilon: config.atLeastZero('rms_norm_eps', 1e-6) },
    positions: parseRope(config, headDim, maxPositions),
    mlp: { gated: true, activation: config.choice('hidden_act', ACTIVATIONS, 'silu') },
    bias: {
      qkv: attentionBias,
      output: attentionBias,
      mlp: config.boolean('mlp_bias', false),
    },
  });
}
