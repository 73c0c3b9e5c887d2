import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { EngineError } from '../../protocol/errors.ts';
import { shown } from './shown.ts';

/** What a folder without a readable model holds instead, and what to do about it. */
interface Contents {
  /** A whole sentence. */
  readonly sentence: string;
  readonly action: string;
}

const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';

const CONVERT =
  'Convert it: load the model with transformers and call save_pretrained, which writes safetensors.';

/**
 * Says why a folder without `config.json` is no model.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint`, always
 */
export async function explainNoConfig(folder: string): Promise<never> {
  const names = await namesIn(folder);
  const contents = brokenLink(names, CONFIG) ??
    withoutConfig(names) ?? {
      sentence: names.some(isWeights)
        ? 'The folder holds safetensors files but no config.json, which says what model they are.'
        : 'The folder holds no model: it has no config.json.',
      action: 'Give the folder that holds config.json and the safetensors files of one model.',
    };
  throw refusal(folder, CONFIG, contents);
}

/**
 * Says why a folder with `config.json` has no weights we can read.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint`, always
 */
export async function explainNoWeights(folder: string): Promise<never> {
  const names = await namesIn(folder);
  throw refusal(
    folder,
    'model.safetensors or its shards',
    brokenLink(names, WEIGHTS) ?? withoutWeights(names),
  );
}

/** A file that is listed, but cannot be found: a link into a cache that was cleared. */
function brokenLink(names: readonly string[], file: string): Contents | undefined {
  if (!names.includes(file)) return undefined;
  return {
    sentence: `${file} is a link to a file that is not there, as in a download cache that was cleared.`,
    action: 'Download the model again.',
  };
}

function withoutConfig(names: readonly string[]): Contents | undefined {
  const renamed = names.find((name) => name.toLowerCase() === 'config.json');
  if (renamed !== undefined) {
    return {
      sentence: `The configuration is named ${shown(renamed)}; file names are in small letters.`,
      action: 'Rename the files of the model folder as they were published, e.g. config.json.',
    };
  }
  if (names.includes('adapter_config.json')) return ADAPTER;
  const gguf = names.find((name) => /\.gguf$/i.test(name));
  if (gguf !== undefined) return ggufOnly(gguf);
  if (names.includes('model_index.json')) {
    return {
      sentence: 'The folder holds a diffusion pipeline, which is no language model.',
      action: 'Give the folder of a causal language model.',
    };
  }
  if (names.includes('params.json')) {
    return {
      sentence:
        'The folder holds a model in its author\'s own format (params.json, "consolidated" weights).',
      action: 'Download the version for transformers, which has config.json.',
    };
  }
  if (names.includes('snapshots') && names.includes('blobs')) {
    return {
      sentence: 'The folder is an entry of the Hugging Face cache, not the model itself.',
      action: 'Give the folder inside "snapshots", for example snapshots/<revision>.',
    };
  }
  if (names.some((name) => /^tokenizer|^vocab\./.test(name)) && !names.some(isWeights)) {
    return {
      sentence: 'The folder holds only a tokenizer: it has neither config.json nor weights.',
      action: 'Download the whole model folder.',
    };
  }
  return undefined;
}

const ADAPTER: Contents = {
  sentence: 'The folder holds a PEFT adapter (LoRA), not a whole model.',
  action:
    'Merge it first: load the base model with the adapter in peft, call merge_and_unload, then save_pretrained.',
};

function ggufOnly(name: string): Contents {
  return {
    sentence: `The folder holds a GGUF file (${shown(name)}), whose weights are made for llama.cpp and cannot be pruned here.`,
    action: 'Use the model in safetensors format from which it was converted.',
  };
}

function withoutWeights(names: readonly string[]): Contents {
  const shard = names.find((name) => /-\d+-of-\d+\.safetensors$/.test(name));
  if (shard !== undefined) {
    return {
      sentence: `The weights are in several files (${shown(shard)} is one), but model.safetensors.index.json, which lists them, is missing.`,
      action: 'Download the model folder again, with all of its JSON files.',
    };
  }
  const partial = names.find((name) => /\.(incomplete|part|crdownload|aria2)$/.test(name));
  if (partial !== undefined) {
    return {
      sentence: `The download of the weights was not finished: the folder holds ${shown(partial)}.`,
      action: 'Download the model folder again.',
    };
  }
  const named = (pattern: RegExp): string | undefined => names.find((name) => pattern.test(name));
  const adapter = named(/^adapter_(config\.json|model\.)/);
  if (adapter !== undefined) return ADAPTER;
  const pickle = named(/\.(bin|pt|pth|ckpt)$/i);
  if (pickle !== undefined) {
    return {
      sentence: `The weights are stored as a PyTorch file (${shown(pickle)}), which can run code when it is loaded. Only safetensors files are read.`,
      action: CONVERT,
    };
  }
  const gguf = named(/\.gguf$/i);
  if (gguf !== undefined) return ggufOnly(gguf);
  const other = named(/\.(h5|msgpack|onnx|tflite|npz|mlmodel)$/i);
  if (other !== undefined) {
    return {
      sentence: `The folder holds weights in another format (${shown(other)}). Only safetensors files are read.`,
      action: CONVERT,
    };
  }
  const safetensors = named(/\.safetensors$/i);
  if (safetensors !== undefined) {
    return {
      sentence: `The folder holds ${shown(safetensors)}, but the weights of a model are expected in model.safetensors.`,
      action: 'If that file holds the whole model, rename it to model.safetensors.',
    };
  }
  return {
    sentence: 'The folder holds config.json but no weights.',
    action: 'Download the safetensors files of the model into it.',
  };
}

function isWeights(name: string): boolean {
  return /\.safetensors$/i.test(name);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch((): string[] => [])).sort();
}

function refusal(folder: string, expected: string, { sentence, action }: Contents): EngineError {
  const name = shown(basename(folder));
  return new EngineError('checkpoint', {
    what: `Model folder ${name}`,
    expected,
    found: 'none',
    action,
    sentence: sentence.replace(/^The folder\b/, `The folder ${name}`),
  });
}
