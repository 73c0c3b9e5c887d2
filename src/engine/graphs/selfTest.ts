import { blockOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import {
  type LayerWeights,
  type Linear,
  ModelWeights,
  type NormWeights,
} from '../checkpoint/modelWeights.ts';
import { type Rng, rngFor } from '../numeric/rng.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
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

/**
 * Runs attention, MLP and loss of tiny random models with ragged masks and compares them with the
 * CPU's, value by value. States stay on the device from sublayer to sublayer, as in a real run.
 *
 * The CPU is compared with itself: its fused attention over a long sequence with its decomposed one
 * over the beginning of that sequence, which must agree because attention is causal.
 * @param runtime  the device under test; the caller releases it
 * @throws EngineError `device` when the device cannot run a graph
 */
export async function selfTest(runtime: Runtime): Promise<SelfTestReport> {
  const cpu = new Runtime('cpu', runtime.threads);
  let worst: SelfTestReport = { maxDifference: 0, where: 'nothing' };
  try {
    for (const shape of [LLAMA, OPT]) {
      const weights = randomWeights(shape);
      for (const time of TIMES) {
        const long = runtime.device === 'cpu' ? FUSED_TIME : time;
        const expected = await valuesOf(cpu, weights, time);
        const found = await valuesOf(runtime, weights, long);
        for (const part of PARTS) {
          const maxDifference = difference(expected[part], found[part]);
          if (maxDifference > worst.maxDifference) {
            worst = { maxDifference, where: `${part} of ${shape.family} at ${time} tokens` };
          }
        }
      }
    }
  } finally {
    await cpu.release();
  }
  return worst;
}

const PARTS = ['attention', 'mlp', 'loss'] as const;
type Values = Readonly<Record<(typeof PARTS)[number], Float32Array>>;

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
    const after = await forward.sublayer('mlp', layer, mask, middle);
    owned.push(...after);
    const targets = await head.nextTokenTargets(weights, windows);
    return {
      attention: await forward.host(middle[0] as Tensor),
      mlp: await forward.host(after[0] as Tensor),
      loss: await head.losses(weights, after, targets),
    };
  } finally {
    releaseTensors(owned);
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

/** A mask whose heads keep different numbers of units, so that padding and gathering are used. */
function raggedMask(shape: ModelShape): LayerMask {
  const [dense] = denseSubnet(shape).layers as [LayerMask];
  return {
    heads: dense.heads.map(({ qk, vo }, g) => ({
      qk: qk.filter((unit) => (unit + g) % 3 !== 0),
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
  const norm = (): NormWeights => ({
    gain: normals(rng, hidden, 1, 0.2),
    shift: shape.norm.kind === 'layer' ? normals(rng, hidden, 0, 0.1) : null,
  });
  const [query, keyValue] = [heads * headDim, kvHeads * headDim];
  const embedding = normals(rng, vocab * hidden, 0, 2 / Math.sqrt(hidden));
  const rowBias = (on: boolean, rows: number): number | null => (on ? rows : null);
  const layer: LayerWeights = {
    block: blockOf(shape, 0),
    ...{ qNorm: null, kNorm: null, attentionAfterNorm: null, mlpAfterNorm: null },
    ...{ attentionBehindNorm: null, mlpBehindNorm: null },
    attentionNorm: norm(),
    q: linear(query, hidden / 2, rowBias(bias.qkv, query)),
    k: linear(keyValue, hidden / 2, rowBias(bias.qkv, keyValue)),
    v: linear(keyValue, hidden, rowBias(bias.qkv, keyValue)),
    o: linear(query, query, rowBias(bias.output, hidden)),
    mlpNorm: norm(),
    gate: shape.mlp.gated ? linear(intermediate, hidden, rowBias(bias.mlp, intermediate)) : null,
    up: linear(intermediate, hidden, rowBias(bias.mlp, intermediate)),
    down: linear(intermediate, intermediate, rowBias(bias.mlp, hidden)),
  };
  const learned = shape.positions.kind === 'learned' ? shape.positions.offset : null;
  return new ModelWeights({
    shape,
    ...{ embedding, projectIn: null, projectOut: null },
    positionTable:
      learned === null ? null : normals(rng, (shape.maxPositions + learned) * hidden, 0, 0.1),
    layers: [layer],
    finalNorm: norm(),
    head: embedding,
  });
}

function normals(rng: Rng, count: number, centre: number, spread: number): Float32Array {
  return Float32Array.from({ length: count }, () => centre + spread * rng.normal());
}
