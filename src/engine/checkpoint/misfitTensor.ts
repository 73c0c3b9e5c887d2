import { EngineError } from '../../protocol/errors.ts';
import type { Family } from './families/family.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { shown } from './shown.ts';
import { QUANTISED_ACTION } from './safetensorsFile.ts';
import type { LocatedTensor, TensorIndex } from './tensorIndex.ts';
import { bareName, holds, type TensorSpec } from './tensorTable.ts';

/** A family and the sizes of one of its models. */
export interface SizedFamily {
  readonly family: Family;
  readonly shape: ModelShape;
}

/** Why a tensor is missing, and what to do about it. */
interface Reason {
  readonly sentence: string;
  readonly action: string;
}

const OTHER_CONFIG = 'Use the config.json that belongs to these weights.';

/**
 * The error of a tensor that the model needs and the files do not have. It looks at the tensors that
 * are there for what kind of checkpoint this is.
 *
 * @param index  all tensors of the folder
 * @param spec   the one that is missing
 */
export function missingTensor(
  index: TensorIndex,
  spec: TensorSpec,
  { family, shape }: SizedFamily,
): EngineError {
  const names = [...index.tensors.keys()];
  const reason =
    stray(index) ??
    quantised(names) ??
    adapter(names) ??
    wrapped(names, spec) ??
    otherTask(names, spec) ??
    fewerBlocks(names, spec, { family, shape }) ??
    untied(spec, shape) ??
    fused(names, family);
  const expected = `a tensor ${shown(spec.name)} of shape ${shown(spec.dims)}`;
  return new EngineError('checkpoint', {
    what: 'The checkpoint',
    expected,
    found: 'no such tensor',
    action: reason?.action ?? OTHER_CONFIG,
    sentence:
      reason?.sentence ??
      `The weights have no tensor ${shown(spec.name)} of shape ${shown(spec.dims)}, which a ${family.name} model with this config.json needs.`,
  });
}

function stray({ isDoubtful }: TensorIndex): Reason | undefined {
  if (isDoubtful !== true) return undefined;
  return {
    sentence:
      'The folder holds both model.safetensors and a list of shards; model.safetensors is read, but it does not fit config.json.',
    action: 'If the model is in the shards, remove model.safetensors.',
  };
}

/**
 * The error of a tensor whose dimensions are not those that the configuration announces.
 *
 * @param index  all tensors of the folder
 * @param spec   the one that is wanted
 */
export function otherShape(
  index: TensorIndex,
  { file, entry }: LocatedTensor,
  spec: TensorSpec,
): EngineError {
  const [rows] = entry.dims;
  const isTable = holds(spec, 'embedding') || holds(spec, 'head');
  const isVocab = isTable && entry.dims.length === 2 && entry.dims[1] === spec.dims[1];
  return new EngineError('checkpoint', {
    what: `${file}: tensor ${shown(spec.name)}`,
    expected: `shape ${shown(spec.dims)}`,
    found: `shape ${shown(entry.dims)}`,
    action:
      stray(index)?.action ??
      (isVocab
        ? `Set "vocab_size" to ${rows} in config.json if the table was resized.`
        : OTHER_CONFIG),
    sentence:
      stray(index)?.sentence ??
      `config.json does not fit the weights: by its sizes, tensor ${shown(spec.name)} has the shape ${shown(spec.dims)}, but in ${file} it has the shape ${shown(entry.dims)}.`,
  });
}

/** Ends of names by which quantised weights are known, and who writes them. */
const QUANTISED: readonly (readonly [RegExp, string])[] = [
  [/\.(qweight|qzeros|g_idx)$/, 'GPTQ or AWQ'],
  [/\.weight\.(absmax|quant_map|quant_state\..*)$|\.SCB$/, 'bitsandbytes'],
  [/\.weight_(packed|zero_point|scale|scale_inv)$/, 'compressed-tensors or FP8'],
  [/\.(scales|biases)$/, 'MLX or another method'],
];

function quantised(names: readonly string[]): Reason | undefined {
  for (const [pattern, method] of QUANTISED) {
    const name = names.find((one) => pattern.test(one));
    if (name === undefined) continue;
    const sentence = `The weights are quantised (${method}): the files hold ${shown(name)} in place of plain weights.`;
    return { sentence, action: QUANTISED_ACTION };
  }
  return undefined;
}

function adapter(names: readonly string[]): Reason | undefined {
  const name = names.find((one) => /\.lora_[ab]\b/i.test(one));
  if (name === undefined) return undefined;
  return {
    sentence: `The weights hold a PEFT adapter that is not merged (${shown(name)}).`,
    action: 'Merge it first: call merge_and_unload, then save_pretrained.',
  };
}

/** Wrappers that put their name before those of the tensors. */
const WRAPPERS: readonly (readonly [RegExp, string])[] = [
  [/^_orig_mod\./, 'torch.compile'],
  [/^base_model\.model\./, 'PEFT'],
  [/^module\./, 'DataParallel'],
];

function wrapped(names: readonly string[], { name }: TensorSpec): Reason | undefined {
  const bare = bareName(name);
  const found = names.find((one) => one.endsWith(`.${bare}`));
  if (found === undefined) return undefined;
  const prefix = found.slice(0, -bare.length).replace(/(model|transformer)\.$/, '');
  if (/language_model|text_model|vision/.test(found)) {
    return {
      sentence: `The weights are those of a model of several kinds of input: they hold ${shown(found)}.`,
      action: 'Use a checkpoint of the language model alone.',
    };
  }
  const by = WRAPPERS.find(([pattern]) => pattern.test(prefix))?.[1];
  return {
    sentence: `The names of the tensors begin with ${shown(prefix)}${by === undefined ? '' : `, as ${by} writes them`}: the files hold ${shown(found)}, not ${shown(name)}.`,
    action: `Save the model without ${by === undefined ? 'this prefix' : `the wrapper of ${by}`}, with save_pretrained of the inner model.`,
  };
}

function otherTask(names: readonly string[], spec: TensorSpec): Reason | undefined {
  if (!holds(spec, 'head')) return undefined;
  const name = names.find((one) => /^(score|classifier|qa_outputs|v_head|value_head)\b/.test(one));
  if (name === undefined) return undefined;
  return {
    sentence: `The model has no language head: it classifies or scores texts (tensor ${shown(name)}).`,
    action: 'Use a causal language model.',
  };
}

function fewerBlocks(
  names: readonly string[],
  { layer, name }: TensorSpec,
  { family, shape: { layers } }: SizedFamily,
): Reason | undefined {
  if (layer === null) return undefined;
  const block = /(^|\.)(?:layers|h)\.(\d+)\./;
  const found = new Set<number>();
  for (const one of names) {
    const [, , number] = block.exec(one) ?? [];
    if (number !== undefined) found.add(Number(number));
  }
  if (found.size >= layers || found.has(layer)) return undefined;
  return {
    sentence: `config.json announces ${layers} blocks, but the weights hold only ${found.size}: tensor ${shown(name)} is missing.`,
    action: `Download missing files of the model, or set "${family.sizeFields.layers}" to ${found.size} if the model was made shorter.`,
  };
}

function untied(spec: TensorSpec, { tiedEmbeddings }: ModelShape): Reason | undefined {
  if (!holds(spec, 'head') || tiedEmbeddings) return undefined;
  return {
    sentence: `The weights have no output head (tensor ${shown(spec.name)}), and config.json does not tie it to the embedding table.`,
    action:
      'If the model uses its embedding table as its head, set "tie_word_embeddings" to true in config.json; otherwise download the missing weights.',
  };
}

function fused(names: readonly string[], { tensorNames }: Family): Reason | undefined {
  const pattern = /\.(qkv_proj|query_key_value|gate_up_proj|c_attn|W_pack)\./;
  if (Object.values(tensorNames).some((own) => pattern.test(own))) return undefined;
  const name = names.find((one) => pattern.test(one));
  if (name === undefined) return undefined;
  return {
    sentence: `The weights are of another architecture than config.json says: they hold ${shown(name)}.`,
    action: OTHER_CONFIG,
  };
}
