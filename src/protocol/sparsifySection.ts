import * as Type from 'typebox';
import { scopeNames } from './compareSection.ts';
import { section } from './configFields.ts';

/** Ways in which a run can put zeros into weights. */
export const sparsifyMethods = ['none', 'magnitude', 'wanda', 'sparsegpt', 'dass', 'ours'] as const;

/** The `sparsify` section of the run config: zeros inside the subnet, in a pattern. */
export const sparsifySection = section(
  'Zeros inside the weights that the subnet keeps. With "ratio": 1 a run does nothing else.',
  {
    method: Type.Enum([...sparsifyMethods], {
      default: 'none',
      description:
        'How zeros are chosen (name). "ours" takes the masks of DaSS and then the best weights on them; "dass" needs an MLP with a gate; "none" leaves all weights. Paper: dass (arXiv 2405.01943).',
    }),
    pattern: Type.String({
      default: '2:4',
      minLength: 1,
      maxLength: 12,
      description:
        'Pattern of zeros (text): "N:M" keeps N of M neighbours, "50%" makes half of a group zero. ONNX Runtime computes zeros like any number: they save space, not time. Paper: 50%, 2:4, 4:8.',
    }),
    scope: Type.Enum([...scopeNames], {
      default: 'mlp',
      description:
        'Which weights become sparse (name): those of the MLP, or all linear maps of a block. Paper: mlp.',
    }),
    groups: Type.Enum(['auto', 'inputs'], {
      default: 'auto',
      description:
        'Neighbours that compete in gate and up weights (name). "inputs" is what hardware for 2:4 needs: "ours" then takes the masks of Wanda, and loses little by it; "auto" leaves it to the method. Paper: auto (outputs).',
    }),
    alpha: Type.Number({
      default: 0.5,
      minimum: 0,
      maximum: 4,
      description:
        'Exponent of the norm of a neuron in the scores of its gate and up weights (number), for "dass" and "ours". Paper: 0.5.',
    }),
  },
);
