import { blockOf, qkUnitCount } from '../../src/engine/model/block.ts';
import type { ModelShape } from '../../src/engine/model/modelShape.ts';
import {
  type LayerWeights,
  type Linear,
  ModelWeights,
} from '../../src/engine/checkpoint/modelWeights.ts';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import type { LayerMask, Subnet } from '../../src/engine/model/subnet.ts';

/** The shape of SmolLM2-135M: speed does not depend on what the weights are. */
export const BENCH_SHAPE: ModelShape = {
  family: 'llama',
  layers: 30,
  hidden: 576,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  intermediate: 1536,
  vocab: 49_152,
  maxPositions: 8192,
  tiedEmbeddings: true,
  norm: { kind: 'rms', epsilon: 1e-5 },
  positions: {
    kind: 'rope',
    inverseFrequencies: Float64Array.from({ length: 32 }, (_, i) => 1e5 ** (-i / 32)),
    attentionFactor: 1,
  },
  mlp: { gated: true, activation: 'silu' },
  bias: { qkv: false, output: false, mlp: false },
};

/** Random weights of {@link BENCH_SHAPE}, small enough for activations to stay in range. */
export function syntheticWeights(shape: ModelShape = BENCH_SHAPE): ModelWeights {
  const random = noise();
  const { hidden, heads, kvHeads, headDim, intermediate, vocab } = shape;
  const linear = (rows: number): Linear => ({ weight: random(rows * hidden, 0.04), bias: null });
  const norm = (): { gain: Float32Array; shift: null } => ({
    gain: new Float32Array(hidden).fill(1),
    shift: null,
  });
  const layer = (_: unknown, l: number): LayerWeights => ({
    block: blockOf(shape, l),
    ...{ qNorm: null, kNorm: null, attentionAfterNorm: null, mlpAfterNorm: null },
    ...{ attentionBehindNorm: null, mlpBehindNorm: null },
    attentionNorm: norm(),
    q: linear(heads * headDim),
    k: linear(kvHeads * headDim),
    v: linear(kvHeads * headDim),
    o: linear(heads * headDim),
    mlpNorm: norm(),
    gate: linear(intermediate),
    up: linear(intermediate),
    down: linear(intermediate),
  });
  const embedding = random(vocab * hidden, 0.1);
  return new ModelWeights({
    shape,
    embedding,
    ...{ positionTable: null, projectIn: null, projectOut: null },
    layers: Array.from({ length: shape.layers }, layer),
    finalNorm: norm(),
    head: embedding,
  });
}

/** Windows of pseudo-random tokens. */
export function syntheticWindows(count: number, length: number): Uint32Array[] {
  const rng = rngFor(1, 'windows', count, length);
  return Array.from({ length: count }, () =>
    Uint32Array.from({ length }, () => rng.int(BENCH_SHAPE.vocab)),
  );
}

/** Random units at one ratio everywhere; masks of one seed are nested in each other. */
export function uniformMasks(ratio: number, seed: number, shape = BENCH_SHAPE): Subnet {
  const layer = (_: unknown, l: number): LayerMask => {
    const rng = rngFor(seed, 'mask', l);
    const keep = (n: number): Uint32Array => {
      const order = rng.sample(n, n);
      return Uint32Array.from(order.slice(0, Math.round(ratio * n))).sort();
    };
    return {
      heads: Array.from({ length: shape.kvHeads }, () => ({
        qk: keep(qkUnitCount(blockOf(shape, l).attention)),
        vo: keep(shape.headDim),
      })),
      mlp: keep(shape.intermediate),
    };
  };
  return { layers: Array.from({ length: shape.layers }, layer) };
}

/** A fast generator: 10⁸ numbers from a seeded cryptographic one would take a minute. */
function noise(): (length: number, scale: number) => Float32Array {
  let state = 1;
  return (length, scale) => {
    const out = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      out[i] = (state / 0x7fffffff - 0.5) * scale;
    }
    return out;
  };
}
