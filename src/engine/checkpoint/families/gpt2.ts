import { MOST_LAYERS } from '../../../protocol/bounds.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import { ACTIVATIONS } from './activations.ts';
import { readEqualHeads } from './equalHeads.ts';
import type { Family } from './family.ts';
import { oneAfterAnother } from './fusedMaps.ts';
import { withinBounds } from './withinBounds.ts';

/** Number of blocks in `config.json`. */
const LAYERS_FIELD = 'n_layer';

/** GPT-2 and everything saved in its form: maps as `Conv1D`, q, k and v in one. */
export const gpt2: Family = {
  name: 'gpt2',
  modelTypes: ['gpt2'],
  parse: parseGpt2,
  sizeFields: {
    layers: LAYERS_FIELD,
    mlp: 'n_inner',
    heads: 'n_head',
    kvHeads: null,
    headDim: null,
  },
  tensorNames: {
    embedding: 'transformer.wte.weight',
    positionTable: 'transformer.wpe.weight',
    'attentionNorm.gain': 'transformer.h.{layer}.ln_1.weight',
    'attentionNorm.shift': 'transformer.h.{layer}.ln_1.bias',
    'q.weight': 'transformer.h.{layer}.attn.c_attn.weight',
    'q.bias': 'transformer.h.{layer}.attn.c_attn.bias',
    'k.weight': 'transformer.h.{layer}.attn.c_attn.weight',
    'k.bias': 'transformer.h.{layer}.attn.c_attn.bias',
    'v.weight': 'transformer.h.{layer}.attn.c_attn.weight',
    'v.bias': 'transformer.h.{layer}.attn.c_attn.bias',
    'o.weight': 'transformer.h.{layer}.attn.c_proj.weight',
    'o.bias': 'transformer.h.{layer}.attn.c_proj.bias',
    'mlpNorm.gain': 'transformer.h.{layer}.ln_2.weight',
    'mlpNorm.shift': 'transformer.h.{layer}.ln_2.bias',
    'up.weight': 'transformer.h.{layer}.mlp.c_fc.weight',
    'up.bias': 'transformer.h.{layer}.mlp.c_fc.bias',
    'down.weight': 'transformer.h.{layer}.mlp.c_proj.weight',
    'down.bias': 'transformer.h.{layer}.mlp.c_proj.bias',
    'finalNorm.gain': 'transformer.ln_f.weight',
    'finalNorm.shift': 'transformer.ln_f.bias',
    head: 'lm_head.weight',
  },
  fused: (block) => [oneAfterAnother(block, ['q', 'k', 'v'])],
  inputsFirst: true,
  // The causal mask, which older programs saved with the weights.
  buffers: ['.attn.bias', '.attn.masked_bias'],
};

function parseGpt2(config: ConfigReader): ModelShape {
  const sizes = readEqualHeads(config, 'n_embd', 'n_head');
  refuseVariants(config);
  const shape: ModelShape = {
    family: 'gpt2',
    layers: config.integer(LAYERS_FIELD, { min: 1, max: MOST_LAYERS }),
    ...sizes,
    intermediate: config.size('n_inner', 4 * sizes.hidden),
    vocab: config.size('vocab_size'),
    maxPositions: config.size('n_positions', 1024),
    tiedEmbeddings: config.boolean('tie_word_embeddings', true),
    norm: { kind: 'layer', epsilon: config.atLeastZero('layer_norm_epsilon', 1e-5) },
    positions: { kind: 'learned', offset: 0 },
    mlp: {
      gated: false,
      activation: config.choice('activation_function', ACTIVATIONS, 'gelu_new'),
    },
    bias: { qkv: true, output: true, mlp: true },
  };
  return withinBounds(config, shape, LAYERS_FIELD);
}

/** `reorder_and_upcast_attn` is none: it changes the order of steps that we do in float32 anyway. */
function refuseVariants(config: ConfigReader): void {
  const scaled = 'scale_attn_weights';
  config.require(scaled, true, config.boolean(scaled, true));
  // A model of fewer blocks would number them anew, and so scale them otherwise.
  const byIndex = 'scale_attn_by_inverse_layer_idx';
  config.require(byIndex, false, config.boolean(byIndex, false));
  const crossed = 'add_cross_attention';
  config.require(crossed, false, config.boolean(crossed, false));
}
