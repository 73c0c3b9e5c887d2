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

/** Qwen 2 and 2.5: Llama with biases of q, k and v alone. */
export const qwen2: Family = {
  name: 'qwen2',
  modelTypes: ['qwen2'],
  parse: parseQwen2,
  sizeFields: { ...LLAMA_FIELDS, headDim: null },
  blockFields: kindFields,
  tensorNames: LLAMA_NAMES,
};

function parseQwen2(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    family: 'qwen2',
    maxPositions: 32_768,
    tied: false,
    epsilon: 1e-6,
    kvHeads: 32,
    headDim: 'hidden / heads',
  });
  const window = readQwenWindow(config, sizes.layers);
  const shape = {
    ...sizes,
    positions: parseRope(config, sizes.headDim, sizes.maxPositions),
    mlp: readGatedMlp(config),
    bias: { qkv: true, output: false, mlp: false },
  };
  return withTraits(config, shape, window);
}

/**
 * Which blocks of a Qwen look back over a window only: those from `max_window_layers` on, and none
 * without `use_sliding_window`, whatever the other fields say.
 */
export function readQwenWindow(
  config: ConfigReader,
  layers: number,
): (layer: number) => { readonly attention: { readonly window: number } } | null {
  if (!config.boolean('use_sliding_window', false)) return () => null;
  const window = readWindow(config, 4096);
  if (window === null) return () => null;
  const first = config.integer('max_window_layers', { min: 0, max: 1_000_000 }, 28);
  const windowed = readWindowedBlocks(config, layers, (layer) => layer >= first);
  return (layer) => (windowed[layer] === true ? { attention: { window } } : null);
}
