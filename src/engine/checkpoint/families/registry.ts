import { EngineError } from '../../../protocol/errors.ts';
import { shown } from '../shown.ts';
import type { Family } from './family.ts';
import { gemma, gemma2, gemma3 } from './gemma.ts';
import { gpt2 } from './gpt2.ts';
import { gptNeox } from './gptNeox.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { opt } from './opt.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { smollm3 } from './smollm3.ts';
import { unsupportedModel } from './unsupported.ts';

/** Every architecture the engine reads. A new one is its own file and one entry here. */
export const FAMILIES: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  smollm3,
  gemma,
  gemma2,
  gemma3,
  phi3,
  gpt2,
  gptNeox,
  opt,
];

/**
 * The family of a checkpoint.
 *
 * @param config  its `config.json`, for what is said of a model that no family reads
 * @param type    its model type, whatever was found there
 * @throws EngineError `checkpoint` that says what the model is and lists the supported ones
 */
export function familyOf(config: Readonly<Record<string, unknown>>, type: unknown): Family {
  const family = FAMILIES.find(({ modelTypes }) => modelTypes.includes(type as string));
  if (family !== undefined) return family;
  const supported = FAMILIES.flatMap(({ modelTypes }) => modelTypes);
  throw unsupportedModel(config, type, supported);
}

/**
 * The family with one of our names, e.g. that of a model shape.
 *
 * @param name  `ModelShape.family`
 * @throws EngineError `checkpoint` when there is none, e.g. for a record of a newer version
 */
export function familyNamed(name: string): Family {
  const family = FAMILIES.find((candidate) => candidate.name === name);
  if (family === undefined) {
    throw new EngineError('checkpoint', {
      what: 'Model family',
      expected: `one of ${FAMILIES.map((candidate) => candidate.name).join(', ')}`,
      found: shown(name),
      action: 'Use the version of the program that wrote this.',
      sentence: `The model family ${shown(name)} is not known to this version.`,
    });
  }
  return family;
}
