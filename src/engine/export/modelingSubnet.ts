import { join } from 'node:path';
import { readPlainText } from '../../files/plainFile.ts';

/** Name of the torch module written beside a checkpoint that stock code cannot build. */
export const MODELING_FILE = 'modeling_subnet.py';

/** Oldest transformers that the module runs on; it says so itself when it finds an older one. */
export const OLDEST_TRANSFORMERS = '4.57';

/** Versions of transformers that `scripts/parity/check_exports.py` was last run with. */
export const TESTED_TRANSFORMERS: readonly string[] = ['4.57.6', '5.0.0', '5.24.0'];

/** Names of the module's classes for one family. */
export interface ModelingClasses {
  /** Of the names of transformers' classes. */
  readonly prefix: string;
  readonly config: string;
  /** The model without its head. */
  readonly base: string;
  readonly causal: string;
  /** The class of transformers that it stands for. */
  readonly stock: string;
}

/** Families the module can build. */
export const MODELING_CLASSES: ReadonlyMap<string, ModelingClasses> = new Map([
  ['llama', classesOf('Llama')],
  ['mistral', classesOf('Mistral')],
  ['qwen2', classesOf('Qwen2')],
  ['qwen3', classesOf('Qwen3')],
  ['smollm3', classesOf('SmolLM3')],
  ['phi3', classesOf('Phi3')],
  ['gpt2', classesOf('GPT2', 'GPT2LMHeadModel')],
  ['gpt_neox', classesOf('GPTNeoX')],
  ['opt', classesOf('OPT')],
]);

/** The line before each family's part of the module. */
const PART = /^# Part: (\w+)\n/m;

const MOST_BYTES = 1 << 20;

/** Set by the bundlers, which put the text of the module into the program. */
declare const MODELING_SUBNET: string | undefined;

/**
 * The text of the torch module of a family: the stock model of transformers with heads and neurons
 * of the numbers that the `subnet` block of config.json lists.
 *
 * The file holds what all families share, and parts. A family without a part of its own has Llama's
 * form, and gets that part under its names.
 */
export function modelingSource(family: string): string {
  const [shared = '', ...parts] = modelingFile().split(PART);
  const at = parts.indexOf(family);
  if (at >= 0) return `${shared}${parts[at + 1]!.trimEnd()}\n`;
  const llama = parts[parts.indexOf('llama') + 1]!;
  const { prefix } = MODELING_CLASSES.get(family)!;
  const named = llama.replaceAll('Llama', prefix).replaceAll('llama', family);
  return `${shared}${named.trimEnd()}\n`;
}

/** The module as it is committed, with the parts of all families. */
export function modelingFile(): string {
  if (typeof MODELING_SUBNET === 'string') return MODELING_SUBNET;
  const path = join(import.meta.dirname, 'python', MODELING_FILE);
  return readPlainText(path, { links: 'refused', mostBytes: MOST_BYTES }) ?? '';
}

/** The `auto_map` field by which transformers finds a family's classes in the module. */
export function autoMapOf({ config, base, causal }: ModelingClasses): Record<string, string> {
  const module = MODELING_FILE.replace(/\.py$/, '');
  return {
    AutoConfig: `${module}.${config}`,
    AutoModel: `${module}.${base}`,
    AutoModelForCausalLM: `${module}.${causal}`,
  };
}

function classesOf(prefix: string, stock = `${prefix}ForCausalLM`): ModelingClasses {
  return {
    prefix,
    config: `Subnet${prefix}Config`,
    base: `Subnet${prefix}Model`,
    causal: `Subnet${prefix}ForCausalLM`,
    stock,
  };
}
