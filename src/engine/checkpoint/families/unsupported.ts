import { EngineError } from '../../../protocol/errors.ts';
import { shown } from '../shown.ts';

type Config = Readonly<Record<string, unknown>>;

/** What is said of a model that no family reads. */
interface Verdict {
  readonly sentence: string;
  readonly action: string;
}

/** Architectures that read a text both ways and write none. */
const ENCODERS =
  /^(albert|bert|camembert|deberta|deberta-v2|distilbert|electra|ernie|esm|eurobert|layoutlm|longformer|modernbert|mpnet|nomic_bert|roberta|xlm-roberta)$/;

/** Architectures of an encoder and a decoder. */
const ENCODER_DECODERS =
  /^(bart|blenderbot|led|m2m_100|marian|mbart|mt5|pegasus|prophetnet|switch_transformers|t5|umt5|whisper)$/;

/** Sections of configurations of models of images or sound. */
const OTHER_INPUTS = ['vision_config', 'audio_config', 'vision_tower', 'mm_vision_tower'];

/**
 * The error of a model that no family reads: what it is, and what can be used instead.
 *
 * @param config     the model's configuration
 * @param type       its model type
 * @param supported  model types that are read
 */
export function unsupportedModel(
  config: Config,
  type: unknown,
  supported: readonly string[],
): EngineError {
  const { sentence, action } = verdictOn(config, type, supported);
  const expected = `one of ${supported.join(', ')}`;
  return new EngineError('checkpoint', {
    what: 'config.json: "model_type"',
    expected,
    found: shown(type),
    action: `${action} Supported values of "model_type" are ${supported.slice(0, -1).join(', ')} and ${supported.at(-1)}.`,
    sentence,
  });
}

function verdictOn(config: Config, type: unknown, supported: readonly string[]): Verdict {
  if (config['peft_type'] !== undefined) {
    return {
      sentence: 'config.json is that of a PEFT adapter (LoRA), not of a whole model.',
      action: 'Merge the adapter into its base model first (merge_and_unload in peft).',
    };
  }
  if (typeof type !== 'string') {
    return {
      sentence: `config.json does not say what model this is: its "model_type" is ${type === undefined || type === null ? 'missing' : shown(type)}.`,
      action: 'Download config.json again, or add the field if you know what model it is.',
    };
  }
  const own = supported.find((one) => architectureOf(type).startsWith(one.replaceAll('_', '')));
  if (own !== undefined && /For[A-Z]/.test(type)) {
    return {
      sentence: `The "model_type" in config.json is the name of a class, ${shown(type)}.`,
      action: `Set it to ${shown(own)}.`,
    };
  }
  const action = 'Use a causal language model of a supported architecture.';
  const named = `The model is of type ${shown(type)}`;
  if (ENCODERS.test(type)) return { sentence: `${named}, an encoder: it writes no text.`, action };
  if (ENCODER_DECODERS.test(type)) {
    return { sentence: `${named}, an encoder with a decoder, which cannot be pruned.`, action };
  }
  if (OTHER_INPUTS.some((field) => Object.hasOwn(config, field)) || hasTextPart(config)) {
    const inner = (config['text_config'] as Config | undefined)?.['model_type'];
    const part =
      typeof inner === 'string' ? ` around a language model of type ${shown(inner)}` : '';
    return {
      sentence: `${named}, a model of several kinds of input${part}, which cannot be pruned as a whole.`,
      action: 'Use a checkpoint of the language model alone.',
    };
  }
  const experts = ['num_local_experts', 'num_experts', 'n_routed_experts'];
  if (experts.some((field) => Object.hasOwn(config, field)) || /moe|mixtral/.test(type)) {
    return { sentence: `${named}, a mixture of experts, which cannot be pruned.`, action };
  }
  return { sentence: `${named}, an architecture that cannot be pruned yet.`, action };
}

function hasTextPart(config: Config): boolean {
  return typeof config['text_config'] === 'object' && config['text_config'] !== null;
}

/** The beginning of a class name as a model type, e.g. "llama" of "LlamaForCausalLM". */
function architectureOf(type: string): string {
  return type.slice(0, 64).toLowerCase();
}
