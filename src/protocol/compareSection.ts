import * as Type from 'typebox';
import { section } from './configFields.ts';

/** Ways to make weights sparse that a comparison knows, in the order of its table. */
export const sparsityNames = ['magnitude', 'wanda', 'sparsegpt', 'dass', 'ours', 'mix'] as const;

/** Ways to make a model narrower or shallower that a comparison knows, in the order of its table. */
export const structuredNames = [
  'random',
  'magnitude',
  'wanda-sp',
  'flap',
  'influence',
  'depth',
  'uniform-obc',
  'slicegpt',
  'paper',
  'ours',
] as const;

/** Which maps become sparse. */
export const scopeNames = ['mlp', 'all'] as const;

/** The `compare` section of the run config; `subnet run` does not read it. */
export const compareSection = section('What "subnet compare" puts side by side; runs ignore it.', {
  sparsity: Type.Array(Type.Enum([...sparsityNames]), {
    default: ['magnitude', 'wanda', 'sparsegpt', 'dass', 'ours'],
    maxItems: sparsityNames.length,
    description:
      'Methods that put zeros into weights (names). "ours" gives a mask the weights that best repair the dense model; "mix" also lets a search choose the pattern of each block, which takes long. DaSS needs an MLP with a gate. Paper: none.',
  }),
  patterns: Type.Array(Type.String({ minLength: 1, maxLength: 12 }), {
    default: ['50%', '4:8', '2:4'],
    maxItems: 32,
    description:
      'Patterns of zeros (texts): "N:M" keeps N of M neighbours, "50%" makes half of a group zero. ONNX Runtime computes zeros like any number: sparse weights save space, not time. Paper: none.',
  }),
  scopes: Type.Array(Type.Enum([...scopeNames]), {
    default: ['mlp', 'all'],
    maxItems: scopeNames.length,
    description:
      'Which weights become sparse (names): those of the MLP, as DaSS was published, or all linear maps of a block. Paper: none.',
  }),
  structured: Type.Array(Type.Enum([...structuredNames]), {
    default: [...structuredNames],
    maxItems: structuredNames.length,
    description:
      'Methods that remove units, directions of the residual stream or blocks (names). "wanda-sp" and "flap" remove whole heads and neurons; "influence" and "depth" remove blocks by what they change and by the loss without them; "uniform-obc" keeps the same share of everything and updates what stays; "slicegpt" removes directions of the stream; "paper" is the method of the paper with a quick search; "ours" refits every sublayer at a row of widths and searches among them, see "method": "levels". Paper: itself, flap and slicegpt.',
  }),
  ratios: Type.Array(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), {
    default: [0.9, 0.8, 0.7, 0.6, 0.5],
    maxItems: 32,
    description:
      'Kept shares of the prunable block parameters for the structured methods (fractions). Paper: 0.9 to 0.5.',
  }),
  shifted: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'Text of another kind than "text" on which every row is judged too (path). Paper: none.',
    }),
  ),
});
