import { MOST_LAYERS } from '../../../protocol/bounds.ts';
import type { ConfigReader } from '../configReader.ts';
import { type BlockTraits, normOf } from '../../model/block.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import { ACTIVATIONS } from './activations.ts';
import { readEqualHeads } from './equalHeads.ts';
import type { Family } from './family.ts';
import { withTraits } from './withTraits.ts';

/** Rows of OPT's position table before the one of position 0. */
const POSITION_OFFSET = 2;

/** OPT, with norms before the sublayers or, as the model of 350M has them, behind them. */
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
    projectIn: 'model.decoder.project_in.weight',
    positionTable: 'model.decoder.embed_positions.weight',
    'attentionNorm.gain': 'model.decoder.layers.{layer}.self_attn_layer_norm.weight',
    'attentionNorm.shift': 'model.decoder.layers.{layer}.self_attn_layer_norm.bias',
    'attentionBehindNorm.gain': 'model.decoder.layers.{layer}.self_attn_layer_norm.weight',
    'attentionBehindNorm.shift': 'model.decoder.layers.{layer}.self_attn_layer_norm.bias',
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
    'mlpBehindNorm.gain': 'model.decoder.layers.{layer}.final_layer_norm.weight',
    'mlpBehindNorm.shift': 'model.decoder.layers.{layer}.final_layer_norm.bias',
    'up.weight': 'model.decoder.layers.{layer}.fc1.weight',
    'up.bias': 'model.decoder.layers.{layer}.fc1.bias',
    'down.weight': 'model.decoder.layers.{layer}.fc2.weight',
    'down.bias': 'model.decoder.layers.{layer}.fc2.bias',
    'finalNorm.gain': 'model.decoder.final_layer_norm.weight',
    'finalNorm.shift': 'model.decoder.final_layer_norm.bias',
    projectOut: 'model.decoder.project_out.weight',
    head: 'lm_head.weight',
  },
};

function parseOpt(config: ConfigReader): ModelShape {
  const sizes = readEqualHeads(config);
  const { hidden } = sizes;
  // Norms without gains have nothing stored, and no public model has them.
  const affine = 'layer_norm_elementwise_affine';
  config.require(affine, true, config.boolean(affine, true));
  const bias = config.boolean('enable_bias', true);
  const width = config.size('word_embed_proj_dim', hidden);
  const isBefore = config.boolean('do_layer_norm_before', true);
  const isRemoved = config.boolean('_remove_final_layer_norm', false);
  const shape: ModelShape = {
    family: 'opt',
    layers: config.integer('num_hidden_layers', { min: 1, max: MOST_LAYERS }),
    ...sizes,
    intermediate: config.size('ffn_dim'),
    vocab: config.size('vocab_size'),
    maxPositions: config.size('max_position_embeddings', 2048),
    tiedEmbeddings: config.boolean('tie_word_embeddings', true),
    // The configuration has no field for epsilon: the layers are built with the default of 1e-5.
    norm: { kind: 'layer', epsilon: 1e-5 },
    ...(isBefore && !isRemoved ? {} : { hasFinalNorm: false }),
    positions: { kind: 'learned', offset: POSITION_OFFSET },
    ...(width === hidden ? {} : { embeddingWidth: width }),
    mlp: { gated: false, activation: config.choice('activation_function', ACTIVATIONS, 'relu') },
    bias: { qkv: bias, output: bias, mlp: bias },
  };
  return withTraits(config, shape, () => (isBefore ? null : normsBehind(shape)));
}

/** A block that normalises the stream behind each sublayer instead of what enters it. */
function normsBehind(shape: ModelShape): BlockTraits {
  const norms = { before: null, behind: normOf(shape) };
  return { attention: { norms }, mlp: { norms } };
}
