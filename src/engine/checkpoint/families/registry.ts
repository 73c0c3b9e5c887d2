import { EngineError } from '../../../protocol/errors.ts';
import { shown } from '../shown.ts';
import type { Family } from './family.ts';
import { llama } from './llama.ts';
import { opt } from './opt.ts';

/** Every architecture the engine reads. A new one is its own file and one entry here. */
export const FAMILIES: readonly Family[] = [llama, opt];

/**
 * The family of a checkpoint.
 *
 * @param modelType  `model_type` of its `config.json`, whatever was found there
 * @throws EngineError `checkpoint` that lists the supported ones
 */
export function familyOfModelType(modelType: unknown): Family {
  const family = FAMILIES.find(({ modelTypes }) => modelTypes.includes(modelType as string));
  if (family === undefined) {
    const supported = FAMILIES.flatMap(({ modelTypes }) => modelTypes).join(', ');
    throw new EngineError('checkpoint', {
      what: 'config.json: "model_type"',
      expected: `one of ${supported}`,
      found: shown(modelType),
      action: 'Use a checkpoint of a supported architecture.',
    });
  }
  return family;
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
    });
  }
  return family;
}
