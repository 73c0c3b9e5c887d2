import type { BlockTraits, Norm } from '../../model/block.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import type { Family, TensorNames } from './family.ts';
import {
  HEAD_NORM_NAMES,
  kindFields,
  LLAMA_FIELDS,
  LLAMA_NAMES,
  type LlamaDefaults,
  type LlamaSizes,
  readGatedMlp,
  readSizes,
  readWindow,
  readWindowedBlocks,
} from './llamaForm.ts';
import { parseRope, parseRopeByKind } from './rope.ts';
import { withTraits } from './withTraits.ts';

/** Norms of what the sublayers add, between and behind those that Llama has. */
const FOUR_NORMS: TensorNames = {
  'attentionAfterNorm.gain': 'model.layers.{layer}.post_attention_layernorm.weight',
  'mlpNorm.gain': 'model.layers.{layer}.pre_feedforward_layernorm.weight',
  'mlpAfterNorm.gain': 'model.layers.{layer}.post_feedforward_layernorm.weight',
};

/** Gemma: Llama with gains stored less one, scaled embeddings and a start token. */
export const gemma: Family = {
  name: 'gemma',
  modelTypes: ['gemma'],
  parse: parseGemma,
  sizeFields: LLAMA_FIELDS,
  tensorNames: LLAMA_NAMES,
};

/** Gemma 2: norms of what sublayers add, capped scores and logits, a window in every other block. */
export const gemma2: Family = {
  name: 'gemma2',
  modelTypes: ['gemma2'],
  parse: parseGemma2,
  sizeFields: LLAMA_FIELDS,
  blockFields: kindFields,
  tensorNames: { ...LLAMA_NAMES, ...FOUR_NORMS },
};

/** Gemma 3, text only: Gemma 2 with norms of heads, and another rotation under a window. */
export const gemma3: Family = {
  name: 'gemma3',
  modelTypes: ['gemma3_text'],
  parse: parseGemma3,
  sizeFields: LLAMA_FIELDS,
  blockFields: kindFields,
  tensorNames: { ...HEAD_NORM_NAMES, ...FOUR_NORMS },
};

function parseGemma(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    family: 'gemma',
    maxPositions: 8192,
    tied: true,
    epsilon: 1e-6,
    kvHeads: 16,
    headDim: 256,
  });
  const field = config.has('hidden_activation') ? 'hidden_activation' : 'hidden_act';
  const mlp = readGatedMlp(config, field, TANH);
  const shape = {
    ...readOutside(config, sizes),
    positions: parseRope(config, sizes.headDim, sizes.maxPositions),
    // The first checkpoints name the exact form and mean the one with tanh.
    mlp: { ...mlp, activation: mlp.activation === 'gelu' ? ('geluTanh' as const) : mlp.activation },
  };
  return withTraits(config, shape, () => null);
}

function parseGemma2(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, { ...SECOND, family: 'gemma2', maxPositions: 8192 });
  const shape = {
    ...readOutside(config, sizes),
    ...readCap(config, 30),
    positions: parseRope(config, sizes.headDim, sizes.maxPositions),
    mlp: readGatedMlp(config, 'hidden_activation', TANH),
  };
  const block = readBlock(config, sizes, 50);
  const window = readWindow(config, 4096);
  const windowed = readWindowedBlocks(config, sizes.layers, (layer) => layer % 2 === 0);
  return withTraits(config, shape, (layer) => ({
    ...block,
    attention: { ...block.attention, window: windowed[layer] === true ? window : null },
  }));
}

function parseGemma3(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    ...SECOND,
    family: 'gemma3',
    maxPositions: 131_072,
    heads: 8,
    layers: 26,
    hidden: 2304,
    intermediate: 9216,
    vocab: 262_208,
  });
  const rope = parseRopeByKind(config, sizes.headDim, sizes.maxPositions);
  const shape = {
    ...readOutside(config, sizes),
    ...readCap(config, null),
    positions: rope.full,
    mlp: readGatedMlp(config, 'hidden_activation', TANH),
  };
  const block = readBlock(config, sizes, null);
  const window = readWindow(config, 4096);
  const every = config.size('sliding_window_pattern', 6);
  const windowed = readWindowedBlocks(config, sizes.layers, (layer) => (layer + 1) % every !== 0);
  return withTraits(config, shape, (layer) => {
    const sight = windowed[layer] === true ? { window, rotary: rope.sliding } : {};
    return { ...block, attention: { ...block.attention, qkNorm: gainLessOne(sizes), ...sight } };
  });
}

const TANH = 'gelu_pytorch_tanh';

/** What Gemma 2 and 3 assume where `config.json` leaves a field out. */
const SECOND: Omit<LlamaDefaults, 'family' | 'maxPositions'> = {
  tied: true,
  epsilon: 1e-6,
  kvHeads: 4,
  headDim: 256,
};

function gainLessOne({ norm }: LlamaSizes): LlamaSizes['norm'] & Norm {
  return { ...norm, gainOffset: 1 };
}

/** What all Gemmas have around their blocks, and the biases in them. */
function readOutside(
  config: ConfigReader,
  sizes: LlamaSizes,
): LlamaSizes & Pick<ModelShape, 'norm' | 'embeddingScale' | 'startToken' | 'bias'> {
  const both = 'use_bidirectional_attention';
  config.require(both, false, config.boolean(both, false));
  const biased = config.boolean('attention_bias', false);
  const most = { min: 0, max: sizes.vocab - 1 };
  const hasStart = config.has('bos_token_id') || !config.states('bos_token_id');
  return {
    ...sizes,
    norm: gainLessOne(sizes),
    embeddingScale: Math.sqrt(sizes.hidden),
    ...(hasStart ? { startToken: config.integer('bos_token_id', most, 2) } : {}),
    bias: { qkv: biased, output: biased, mlp: false },
  };
}

function readCap(config: ConfigReader, fallback: number | null): { readonly logitCap?: number } {
  const cap = readSoftcap(config, 'final_logit_softcapping', fallback);
  return cap === null ? {} : { logitCap: cap };
}

/** What every block of Gemma 2 and 3 has. */
function readBlock(
  config: ConfigReader,
  sizes: LlamaSizes,
  softcap: number | null,
): BlockTraits & Required<Pick<BlockTraits, 'attention' | 'mlp'>> {
  const norms = { after: gainLessOne(sizes) };
  return {
    attention: {
      norms,
      scale: 1 / Math.sqrt(config.positive('query_pre_attn_scalar', 256)),
      softcap: readSoftcap(config, 'attn_logit_softcapping', softcap),
    },
    mlp: { norms },
  };
}

/** A cap; a field that is left out has the default of its family, null has none. */
function readSoftcap(config: ConfigReader, field: string, fallback: number | null): number | null {
  if (config.has(field)) return config.positive(field);
  return config.states(field) ? null : fallback;
}
