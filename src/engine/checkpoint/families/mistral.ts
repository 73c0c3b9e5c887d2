import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import type { Family } from './family.ts';
import { LLAMA_FIELDS, LLAMA_NAMES, readGatedMlp, readSizes, readWindow } from './llamaForm.ts';
import { parseRope } from './rope.ts';
import { withTraits } from './withTraits.ts';

/** Mistral 7B and its kind: Llama without biases, each block looking back over one window. */
export const mistral: Family = {
  name: 'mistral',
  modelTypes: ['mistral'],
  parse: parseMistral,
  sizeFields: LLAMA_FIELDS,
  tensorNames: LLAMA_NAMES,
};

function parseMistral(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    family: 'mistral',
    maxPositions: 131_072,
    tied: false,
    epsilon: 1e-6,
    kvHeads: 8,
    headDim: 'hidden / heads',
  });
  // The window of the first release.
  const window = readWindow(config, 4096);
  const shape = {
    ...sizes,
    positions: parseRope(config, sizes.headDim, sizes.maxPositions),
    mlp: readGatedMlp(config),
    bias: { qkv: false, output: false, mlp: false },
  };
  return withTraits(config, shape, () => (window === null ? null : { attention: { window } }));
}
