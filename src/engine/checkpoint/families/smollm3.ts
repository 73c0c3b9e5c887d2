import type { Attention } from '../../model/block.ts';
import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import type { Family } from './family.ts';
import {
  LLAMA_FIELDS,
  LLAMA_NAMES,
  readGatedMlp,
  readSizes,
  readWindow,
  readWindowedBlocks,
  kindFields,
} from './llamaForm.ts';
import { parseRope } from './rope.ts';
import { withTraits } from './withTraits.ts';

/** SmolLM3: Llama with blocks that do not rotate. */
export const smollm3: Family = {
  name: 'smollm3',
  modelTypes: ['smollm3'],
  parse: parseSmolLm3,
  sizeFields: { ...LLAMA_FIELDS, headDim: null },
  blockFields: (blocks) => ({
    no_rope_layers: blocks.map(({ attention }) => (isTurning(attention) ? 1 : 0)),
    ...kindFields(blocks),
  }),
  tensorNames: LLAMA_NAMES,
};

function parseSmolLm3(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    family: 'smollm3',
    maxPositions: 32_768,
    tied: true,
    epsilon: 1e-6,
    kvHeads: 4,
    headDim: 'hidden / heads',
  });
  const positions = parseRope(config, sizes.headDim, sizes.maxPositions);
  const biased = config.boolean('attention_bias', false);
  const turns = readTurning(config, sizes.layers);
  const window = config.boolean('use_sliding_window', false) ? readWindow(config, null) : null;
  const windowed = readWindowedBlocks(config, sizes.layers, (l) => turns[l] === false);
  // Angles of zero turn nothing, so that all blocks have the same units.
  const still = { attentionFactor: 1, inverseFrequencies: new Float64Array(sizes.headDim / 2) };
  const shape = {
    ...sizes,
    positions,
    mlp: readGatedMlp(config),
    bias: { qkv: biased, output: biased, mlp: config.boolean('mlp_bias', false) },
  };
  return withTraits(config, shape, (layer) => {
    const rotary = turns[layer] === true ? {} : { rotary: still };
    const sight = window !== null && windowed[layer] === true ? { window } : {};
    const attention = { ...rotary, ...sight };
    return Object.keys(attention).length === 0 ? null : { attention };
  });
}

/** Whether a block's angles turn anything. */
function isTurning({ rotary }: Attention): boolean {
  return rotary?.inverseFrequencies.some((frequency) => frequency !== 0) === true;
}

/** Which blocks rotate: 1 in `no_rope_layers` means that the block does, despite the name. */
function readTurning(config: ConfigReader, layers: number): readonly boolean[] {
  const interval = config.size('no_rope_layer_interval', 4);
  if (!config.has('no_rope_layers')) {
    return Array.from({ length: layers }, (_, l) => (l + 1) % interval !== 0);
  }
  return config.flags('no_rope_layers', layers);
}
