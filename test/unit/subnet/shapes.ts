import { blocksOf, qkUnitCount } from '../../../src/engine/model/block.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import type { LayerScores } from '../../../src/engine/model/subnet.ts';

/** SmolLM2-135M's sizes: 9 query heads over 3 key/value heads, gated MLP, tied embeddings. */
export const smolShape = llamaShape({
  layers: 30,
  hidden: 576,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  intermediate: 1536,
  vocab: 49152,
});

/** OPT-125M's sizes: biases everywhere, learned positions, plain MLP. */
export const optShape: ModelShape = {
  ...smolShape,
  family: 'opt',
  layers: 12,
  hidden: 768,
  heads: 12,
  kvHeads: 12,
  headDim: 64,
  intermediate: 3072,
  vocab: 50272,
  maxPositions: 2048,
  norm: { kind: 'layer', epsilon: 1e-5 },
  positions: { kind: 'learned', offset: 2 },
  mlp: { gated: false, activation: 'relu' },
  bias: { qkv: true, output: true, mlp: true },
};

/** A grouped-query Llama small enough to search in a test. */
export const tinyLlama = llamaShape({
  layers: 4,
  hidden: 16,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediate: 40,
  vocab: 50,
});

/** No grouping, heads of an odd number of pairs, sizes that share few divisors. */
export const oddLlama = llamaShape({
  layers: 5,
  hidden: 12,
  heads: 3,
  kvHeads: 3,
  headDim: 10,
  intermediate: 31,
  vocab: 50,
});

/** An OPT small enough to search in a test. */
export const tinyOpt: ModelShape = {
  ...optShape,
  layers: 4,
  hidden: 16,
  heads: 2,
  kvHeads: 2,
  headDim: 8,
  intermediate: 40,
  vocab: 50,
  maxPositions: 64,
};

/** Biases everywhere and heads of 2 pairs and 4 single dimensions; but block 1 rotates them whole. */
export const partlyRotated: ModelShape = {
  ...tinyOpt,
  family: 'gpt_neox',
  positions: {
    kind: 'rope',
    inverseFrequencies: Float64Array.of(1, 0.1),
    attentionFactor: 1,
  },
  blocks: [
    {},
    {
      attention: {
        rotary: { inverseFrequencies: Float64Array.of(1, 0.3, 0.1, 0.03), attentionFactor: 1 },
      },
    },
    {},
    {},
  ],
};

export function llamaShape(
  sizes: Pick<
    ModelShape,
    'layers' | 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'intermediate' | 'vocab'
  >,
): ModelShape {
  return {
    family: 'llama',
    ...sizes,
    maxPositions: 2048,
    tiedEmbeddings: true,
    norm: { kind: 'rms', epsilon: 1e-5 },
    positions: {
      kind: 'rope',
      inverseFrequencies: Float64Array.from({ length: sizes.headDim / 2 }, () => 1),
      attentionFactor: 1,
    },
    mlp: { gated: true, activation: 'silu' },
    bias: { qkv: false, output: false, mlp: false },
  };
}

/** Positive scores with a heavy tail, as second-order scores have. */
export function randomScores(shape: ModelShape, seed: number): LayerScores[] {
  const rng = rngFor(seed, 'scores');
  const draw = (length: number): Float64Array =>
    Float64Array.from({ length }, () => Math.exp(1.5 * rng.normal()));
  return blocksOf(shape).map(({ attention }) => ({
    qk: Array.from({ length: shape.kvHeads }, () => draw(qkUnitCount(attention))),
    vo: Array.from({ length: shape.kvHeads }, () => draw(shape.headDim)),
    mlp: draw(shape.intermediate),
  }));
}
