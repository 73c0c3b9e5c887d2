import type { ModelShape } from '../../model/modelShape.ts';
import type { ConfigReader } from '../configReader.ts';
import type { Family } from './family.ts';
import { oneAfterAnother } from './fusedMaps.ts';
import { LLAMA_FIELDS, LLAMA_NAMES, readGatedMlp, readSizes, readWindow } from './llamaForm.ts';
import { parsePartialRope } from './rope.ts';
import { withTraits } from './withTraits.ts';

const QKV = 'model.layers.{layer}.self_attn.qkv_proj.weight';
const GATE_UP = 'model.layers.{layer}.mlp.gate_up_proj.weight';

/** Names of scalings: the older ones meant the same by the form of Phi-3. */
const LONGROPE = new Map([
  ['default', 'default'],
  ['longrope', 'longrope'],
  ['su', 'longrope'],
  ['yarn', 'longrope'],
] as const);

/** Phi-3, Phi-3.5, Phi-4 and Phi-4-mini: Llama with q, k and v in one tensor, and gate and up in one. */
export const phi3: Family = {
  name: 'phi3',
  modelTypes: ['phi3'],
  parse: parsePhi3,
  sizeFields: { ...LLAMA_FIELDS, headDim: null },
  tensorNames: {
    ...LLAMA_NAMES,
    'q.weight': QKV,
    'k.weight': QKV,
    'v.weight': QKV,
    'gate.weight': GATE_UP,
    'up.weight': GATE_UP,
  },
  fused: (block) => [
    oneAfterAnother(block, ['q', 'k', 'v']),
    oneAfterAnother(block, ['gate', 'up']),
  ],
};

function parsePhi3(config: ConfigReader): ModelShape {
  const sizes = readSizes(config, {
    family: 'phi3',
    maxPositions: 4096,
    tied: false,
    epsilon: 1e-5,
    kvHeads: 'heads',
    headDim: 'hidden / heads',
  });
  const window = readWindow(config, null);
  const shape = {
    ...sizes,
    positions: parsePartialRope(config, sizes.headDim, sizes.maxPositions, {
      ...{ base: 'rope_theta', part: 'partial_rotary_factor', defaultPart: 1 },
      kinds: LONGROPE,
    }),
    mlp: readGatedMlp(config),
    bias: { qkv: false, output: false, mlp: false },
  };
  return withTraits(config, shape, () => (window === null ? null : { attention: { window } }));
}
