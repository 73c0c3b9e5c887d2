import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import type { Family } from './family.ts';
import { LLAMA_FIELDS, LLAMA_NAMES, readGatedMlp, readSizes } from './llamaForm.ts';
import { parseRope } from './rope.ts';
import { withinBounds } from './withinBounds.ts';

/** Llama 1 to 3 and everything saved in its form (SmolLM, TinyLlama, Vicuna, …). */
export const llama: Family = {
  name: 'llama',
  modelTypes: ['llama'],
  parse: parseLlama,
  sizeFields: LLAMA_FIELDS,
  tensorNames: LLAMA_NAMES,
};

function parseLlama(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    family: 'llama',
    maxPositions: 2048,
    tied: false,
    epsilon: 1e-6,
    kvHeads: 'heads',
    headDim: 'hidden / heads',
  });
  const biased = config.boolean('attention_bias', false);
  return withinBounds(config, {
    ...sizes,
    positions: parseRope(config, sizes.headDim, sizes.maxPositions),
    mlp: readGatedMlp(config),
    bias: { qkv: biased, output: biased, mlp: config.boolean('mlp_bias', false) },
  });
}
