import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import type { Family } from './family.ts';
import { HEAD_NORM_NAMES, LLAMA_FIELDS, readGatedMlp, readSizes, kindFields } from './llamaForm.ts';
import { readQwenWindow } from './qwen2.ts';
import { parseRope } from './rope.ts';
import { withTraits } from './withTraits.ts';

/** Qwen3 (dense): every query and key head is normalised before it is rotated. */
export const qwen3: Family = {
  name: 'qwen3',
  modelTypes: ['qwen3'],
  parse: parseQwen3,
  sizeFields: LLAMA_FIELDS,
  blockFields: kindFields,
  tensorNames: HEAD_NORM_NAMES,
};

function parseQwen3(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    family: 'qwen3',
    maxPositions: 32_768,
    tied: false,
    epsilon: 1e-6,
    kvHeads: 32,
    headDim: 128,
  });
  const biased = config.boolean('attention_bias', false);
  const shape = {
    ...sizes,
    positions: parseRope(config, sizes.headDim, sizes.maxPositions),
    mlp: readGatedMlp(config),
    bias: { qkv: biased, output: biased, mlp: false },
  };
  const qkNorm = { ...sizes.norm, gainOffset: 0 } as const;
  const window = readQwenWindow(config, sizes.layers);
  return withTraits(config, shape, (layer) => ({
    attention: { qkNorm, ...window(layer)?.attention },
  }));
}
