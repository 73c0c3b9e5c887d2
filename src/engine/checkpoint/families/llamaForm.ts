import { MOST_HEAD_DIM, MOST_HEADS, MOST_LAYERS } from '../../../protocol/bounds.ts';
import type { Block } from '../../model/block.ts';
import type { Activation, ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import { ACTIVATIONS } from './activations.ts';
import type { SizeFields, TensorNames } from './family.ts';

/** Names of the tensors of models in Llama's form. */
export const LLAMA_NAMES: TensorNames = {
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
};

/** {@link LLAMA_NAMES} with a norm of every query and key head. */
export const HEAD_NORM_NAMES: TensorNames = {
  ...LLAMA_NAMES,
  'qNorm.gain': 'model.layers.{layer}.self_attn.q_norm.weight',
  'kNorm.gain': 'model.layers.{layer}.self_attn.k_norm.weight',
};

/** Names of the sizes of models in Llama's form. */
export const LLAMA_FIELDS: SizeFields = {
  layers: 'num_hidden_layers',
  mlp: 'intermediate_size',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  headDim: 'head_dim',
};

/** What families in Llama's form assume where `config.json` leaves a field out. */
export interface LlamaDefaults {
  readonly family: string;
  readonly maxPositions: number;
  readonly tied: boolean;
  readonly epsilon: number;
  readonly kvHeads: number | 'heads';
  readonly headDim: number | 'hidden / heads';
  /** Absent where `config.json` must say it. */
  readonly heads?: number;
  readonly layers?: number;
  readonly hidden?: number;
  readonly intermediate?: number;
  readonly vocab?: number;
}

/** Sizes of a model in Llama's form. */
export type LlamaSizes = Pick<
  ModelShape,
  | 'family'
  | 'layers'
  | 'hidden'
  | 'heads'
  | 'kvHeads'
  | 'headDim'
  | 'intermediate'
  | 'vocab'
  | 'maxPositions'
  | 'tiedEmbeddings'
> & { readonly norm: { readonly kind: 'rms'; readonly epsilon: number } };

/**
 * Reads the sizes of a model in Llama's form.
 * @throws EngineError `checkpoint` for sizes that do not go together
 */
export function readSizes(config: ConfigReader, defaults: LlamaDefaults): LlamaSizes {
  const hidden = config.size('hidden_size', defaults.hidden);
  const heads = config.integer('num_attention_heads', { min: 1, max: MOST_HEADS }, defaults.heads);
  const kvDefault = defaults.kvHeads === 'heads' ? heads : defaults.kvHeads;
  const kvHeads = config.size('num_key_value_heads', kvDefault);
  if (heads % kvHeads !== 0) {
    config.fail('num_key_value_heads', `a divisor of ${heads} query heads`, `${kvHeads}`);
  }
  const isDerived = defaults.headDim === 'hidden / heads' && !config.has('head_dim');
  if (isDerived && hidden % heads !== 0) {
    config.fail('hidden_size', `a multiple of ${heads} heads, or a head_dim`, `${hidden}`);
  }
  const width = defaults.headDim === 'hidden / heads' ? hidden / heads : defaults.headDim;
  return {
    family: defaults.family,
    layers: config.integer('num_hidden_layers', { min: 1, max: MOST_LAYERS }, defaults.layers),
    hidden,
    heads,
    kvHeads,
    headDim: config.integer('head_dim', { min: 1, max: MOST_HEAD_DIM }, width),
    intermediate: config.size('intermediate_size', defaults.intermediate),
    vocab: config.size('vocab_size', defaults.vocab),
    maxPositions: config.size('max_position_embeddings', defaults.maxPositions),
    tiedEmbeddings: config.boolean('tie_word_embeddings', defaults.tied),
    norm: { kind: 'rms', epsilon: config.atLeastZero('rms_norm_eps', defaults.epsilon) },
  };
}

/** The gated MLP of Llama's form. */
export function readGatedMlp(
  config: ConfigReader,
  field = 'hidden_act',
  fallback = 'silu',
): {
  readonly gated: true;
  readonly activation: Activation;
} {
  return { gated: true, activation: config.choice(field, ACTIVATIONS, fallback) };
}

/** The window that blocks may see; a field that is left out has the default of its family, null has none. */
export function readWindow(config: ConfigReader, fallback: number | null): number | null {
  return config.states('sliding_window') ? config.optionalSize('sliding_window') : fallback;
}

/**
 * Whether each block sees a window only, as `layer_types` lists them.
 * @param fallback  for block l of a configuration without that list
 * @throws EngineError `checkpoint` for a list of another length and for other kinds of block
 */
export function readWindowedBlocks(
  config: ConfigReader,
  layers: number,
  fallback: (layer: number) => boolean,
): readonly boolean[] {
  if (!config.has('layer_types')) return Array.from({ length: layers }, (_, l) => fallback(l));
  const kinds = config.texts('layer_types', layers);
  for (const kind of kinds) {
    if (kind !== 'sliding_attention' && kind !== 'full_attention') {
      config.require('layer_types', 'sliding_attention or full_attention', kind);
    }
  }
  return kinds.map((kind) => kind === 'sliding_attention');
}

/**
 * The field that {@link readWindowedBlocks} reads. It is written where no block sees a window only,
 * too: a source may list its blocks all the same, and a list of another length is refused.
 */
export function kindFields(blocks: readonly Block[]): Readonly<Record<string, unknown>> {
  return {
    layer_types: blocks.map(({ attention }) =>
      attention.window === null ? 'full_attention' : 'sliding_attention',
    ),
  };
}
