import {
  blockOf,
  type BlockTraits,
  finalNormOf,
  type Norm,
  normsOf,
  qkUnitsOf,
  readsOf,
} from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import {
  type LayerWeights,
  type Linear,
  ModelWeights,
  type NormWeights,
} from '../checkpoint/modelWeights.ts';
import { type Rng, rngFor } from '../numeric/rng.ts';
import { SELF_TEST_TOLERANCE } from '../runtime/probe.ts';
import { Runtime, type Tensor } from '../runtime/runtime.ts';
import { denseSubnet, type LayerMask } from '../model/subnet.ts';
import { ForwardPass } from './forwardPass.ts';
import { LossHead } from './lossHead.ts';

/** The largest difference between a device's numbers and the CPU's. */
export interface SelfTestReport {
  /** Infinity when a number is missing or not finite. */
  readonly maxDifference: number;
  /** Where it was, e.g. `attention of llama at 130 tokens`. */
  readonly where: string;
}

/**
 * Lengths at which fused or subgroup code is known to go wrong on some devices and not on others.
 * @source RUNTIME sections 1.3 and 9
 */
const TIMES = [16, 64, 130] as const;

/** A length at which the CPU uses its fused attention. */
const FUSED_TIME = 1040;

/** Tokens that a token of a window sees; shorter than all of {@link TIMES} but the first. */
const WINDOW = 24;

/**
 * Runs attention, MLP and loss of tiny random models with ragged masks and compares them with the
 * CPU's, value by value. States stay on the device from sublayer to sublayer, as in a real run. What
 * a later part computes from wrong numbers is wrong as well, so the first wrong part is told.
 *
 * The CPU is compared with itself: its attention over a long sequence, fused where the block allows
 * it, with its decomposed one over the beginning of that sequence, which must agree because attention
 * is causal.
 * @param runtime  the device under test; the caller releases it
 * @returns  the first difference above {@link SELF_TEST_TOLERANCE}, or the largest where none is
 * @throws EngineError `device` when the device cannot run a graph
 */
export async function selfTest(runtime: Runtime): Promise<SelfTestReport> {
  const cpu = new Runtime('cpu', runtime.threads);
  let worst: SelfTestReport = { maxDifference: 0, where: 'nothing' };
  try {
    for (const { shape, times, is } of CASES) {
      const weights = randomWeights(shape);
      for (const time of times) {
        const long = runtime.device === 'cpu' ? FUSED_TIME : time;
        const expected = await valuesOf(cpu, weights, time);
        const found = await valuesOf(runtime, weights, long);
        for (const part of PARTS) {
          const maxDifference = difference(expected[part], found[part]);
          const report = { maxDifference, where: `${part} ${is[part]} at ${time} tokens` };
          if (maxDifference > SELF_TEST_TOLERANCE) return report;
          if (maxDifference > worst.maxDifference) worst = report;
        }
      }
    }
  } finally {
    await cpu.release();
  }
  return worst;
}

const PARTS = ['attention', 'mlp', 'loss'] as const;
type Part = (typeof PARTS)[number];
type Values = Readonly<Record<Part, Float32Array>>;

/** A tiny model, the lengths it is run at, and what tells its parts from those of other models. */
interface Case {
  readonly shape: ModelShape;
  readonly times: readonly number[];
  readonly is: Readonly<Record<Part, string>>;
}

/** A grouped-query Llama block with gated MLP. */
const LLAMA: ModelShape = {
  family: 'llama',
  layers: 1,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediate: 96,
  vocab: 160,
  maxPositions: FUSED_TIME,
  tiedEmbeddings: true,
  norm: { kind: 'rms', epsilon: 1e-5 },
  positions: {
    kind: 'rope',
    inverseFrequencies: Float64Array.from({ length: 8 }, (_, i) => 10_000 ** (-i / 8)),
    attentionFactor: 1,
  },
  mlp: { gated: true, activation: 'silu' },
  bias: { qkv: false, output: false, mlp: false },
};

/** The other way at every switch: learned positions, LayerNorm, biases, plain MLP. */
const OPT: ModelShape = {
  ...LLAMA,
  family: 'opt',
  kvHeads: 4,
  norm: { kind: 'layer', epsilon: 1e-5 },
  positions: { kind: 'learned', offset: 2 },
  mlp: { gated: false, activation: 'relu' },
  bias: { qkv: true, output: true, mlp: true },
};

const RMS: Norm = { ...LLAMA.norm, gainOffset: 0 };
/** Of weights that are stored less one. */
const OFFSET_RMS: Norm = { ...RMS, gainOffset: 1 };

/** What blocks of other families compute besides, each in one part of one model. */
const CASES: readonly Case[] = [
  { shape: LLAMA, times: TIMES, is: ofAll('of llama') },
  { shape: OPT, times: TIMES, is: ofAll('of opt') },
  further(
    { attention: { softcap: 1 }, mlp: { norms: { after: RMS } } },
    { logitCap: 2 },
    { attention: 'with capped scores', mlp: 'with a norm after it', loss: 'of capped logits' },
  ),
  further(
    { attention: { qkNorm: RMS }, residual: 'parallel' },
    { mlp: { gated: true, activation: 'gelu' } },
    { attention: 'with norms of heads', mlp: 'beside attention', loss: 'of a parallel block' },
  ),
  further(
    { attention: { window: WINDOW }, mlp: { norms: { behind: RMS } } },
    {},
    { attention: 'in a window', mlp: 'with a norm behind it', loss: 'behind a norm' },
  ),
  further(
    { attention: { norms: { after: OFFSET_RMS } } },
    { mlp: { gated: true, activation: 'geluTanh' } },
    { attention: 'with a norm after it', mlp: 'with GELU by tanh', loss: 'behind GELU by tanh' },
  ),
];

function ofAll(words: string): Case['is'] {
  return { attention: words, mlp: words, loss: words };
}

/** A {@link LLAMA} whose block does something otherwise, at the length that finds most. */
function further(block: BlockTraits, other: Partial<ModelShape>, is: Case['is']): Case {
  return { shape: { ...LLAMA, ...other, blocks: [block] }, times: TIMES.slice(-1), is };
}

async function valuesOf(runtime: Runtime, weights: ModelWeights, time: number): Promise<Values> {
  const { shape } = weights;
  const forward = new ForwardPass(runtime, shape);
  const head = new LossHead(forward);
  const windows = [Uint32Array.from({ length: time }, (_, t) => (t * t + 7 * t) % shape.vocab)];
  const layer = weights.layers[0] as LayerWeights;
  const mask = raggedMask(shape);
  const owned: Tensor[] = [];
  try {
    const embedded = await forward.embed(weights, [windows]);
    const middle = await forward.sublayer('attention', layer, mask, embedded);
    owned.push(...middle);
    const reads = readsOf('mlp', layer.block, { entering: embedded, states: middle });
    const after = await forward.sublayer('mlp', layer, mask, middle, { reads });
    owned.push(...after);
    const targets = await head.nextTokenTargets(weights, windows);
    return {
      attention: await forward.host(middle[0] as Tensor),
      mlp: await forward.host(after[0] as Tensor),
      loss: await head.losses(weights, after, targets),
    };
  } finally {
    forward.release(owned);
  }
}

/** Largest difference over the shorter array; `found` may go on. */
function difference(expected: Float32Array, found: Float32Array): number {
  if (found.length < expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const one = Math.abs((expected[i] as number) - (found[i] as number));
    if (!Number.isFinite(one)) return Infinity;
    if (one > largest) largest = one;
  }
  return largest;
}

/**
 * A mask whose heads keep different numbers of units, so that padding and gathering are used; heads
 * that are normalised keep all of theirs.
 */
function raggedMask(shape: ModelShape): LayerMask {
  const [dense] = denseSubnet(shape).layers as [LayerMask];
  const { whole } = qkUnitsOf(blockOf(shape, 0).attention);
  return {
    heads: dense.heads.map(({ qk, vo }, g) => ({
      qk: qk.filter((unit) => whole || (unit + g) % 3 !== 0),
      vo: vo.filter((unit) => (unit + 1) % (g + 2) !== 0),
    })),
    mlp: dense.mlp.filter((unit) => unit % 4 !== 1),
  };
}

function randomWeights(shape: ModelShape): ModelWeights {
  const rng = rngFor(1, 'self-test', shape.family);
  const { hidden, heads, kvHeads, headDim, intermediate, vocab, bias } = shape;
  const linear = (rows: number, inputs: number, biased: number | null): Linear => ({
    weight: normals(rng, rows * hidden, 0, 1 / Math.sqrt(inputs)),
    bias: biased === null ? null : normals(rng, biased, 0, 0.1),
  });
  const block = blockOf(shape, 0);
  const norms = normsOf(block);
  const norm = (of: Norm | null, width = hidden): NormWeights | null =>
    of === null
      ? null
      : {
          gain: normals(rng, width, 1 - of.gainOffset, 0.2),
          shift: of.kind === 'layer' ? normals(rng, width, 0, 0.1) : null,
        };
  const [query, keyValue] = [heads * headDim, kvHeads * headDim];
  const embedding = normals(rng, vocab * hidden, 0, 2 / Math.sqrt(hidden));
  const rowBias = (on: boolean, rows: number): number | null => (on ? rows : null);
  const layer: LayerWeights = {
    block,
    attentionNorm: norm(norms.attentionNorm),
    q: linear(query, hidden / 2, rowBias(bias.qkv, query)),
    k: linear(keyValue, hidden / 2, rowBias(bias.qkv, keyValue)),
    v: linear(keyValue, hidden, rowBias(bias.qkv, keyValue)),
    o: linear(query, query, rowBias(bias.output, hidden)),
    qNorm: norm(norms.qNorm, headDim),
    kNorm: norm(norms.kNorm, headDim),
    attentionAfterNorm: norm(norms.attentionAfterNorm),
    attentionBehindNorm: norm(norms.attentionBehindNorm),
    mlpNorm: norm(norms.mlpNorm),
    gate: shape.mlp.gated ? linear(intermediate, hidden, rowBias(bias.mlp, intermediate)) : null,
    up: linear(intermediate, hidden, rowBias(bias.mlp, intermediate)),
    down: linear(intermediate, intermediate, rowBias(bias.mlp, hidden)),
    mlpAfterNorm: norm(norms.mlpAfterNorm),
    mlpBehindNorm: norm(norms.mlpBehindNorm),
  };
  const learned = shape.positions.kind === 'learned' ? shape.positions.offset : null;
  return new ModelWeights({
    shape,
    ...{ embedding, projectIn: null, projectOut: null },
    positionTable:
      learned === null ? null : normals(rng, (shape.maxPositions + learned) * hidden, 0, 0.1),
    layers: [layer],
    finalNorm: norm(finalNormOf(shape)),
    head: embedding,
  });
}

function normals(rng: Rng, count: number, centre: number, spread: number): Float32Array {
  return Float32Array.from({ length: count }, () => centre + spread * rng.normal());
}
