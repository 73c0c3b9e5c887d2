import type { ModelFacts } from '../../../src/configText/modelFacts.ts';

/** The bundled Llama. */
export const tinyFacts: ModelFacts = {
  summary: {
    ...{ family: 'llama', layers: 8, hidden: 128, heads: 4, kvHeads: 2, headDim: 32, qkUnits: 16 },
    ...{ intermediate: 384, vocab: 2048, params: 1_837_184, blockParams: 1_572_864 },
  },
  maxPositions: 512,
  gated: true,
  bytes: 3_680_000,
  folder: '/models/tiny-llama',
};
