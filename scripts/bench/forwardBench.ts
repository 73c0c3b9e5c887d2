import { LocalEvaluator } from '../../src/engine/evaluation/evaluator.ts';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import type { SublayerKind } from '../../src/engine/model/block.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { GraphBuilder } from '../../src/engine/onnx/graphBuilder.ts';
import { tensorOf } from '../../src/engine/runtime/runtime.ts';
import { denseSubnet, type Subnet } from '../../src/engine/model/subnet.ts';
import {
  atLeast,
  atMost,
  figure,
  interleaved,
  median,
  type Measurement,
  ratioOf,
} from './measurement.ts';
import { BENCH_SHAPE, syntheticWeights, syntheticWindows, uniformMasks } from './syntheticModel.ts';

const ROUNDS = 5;

/** Forward rate, cost of candidates, of switching between them, and what the prefix cache saves. */
export async function forwardBench(threads: number): Promise<Measurement[]> {
  const runtime = new Runtime('cpu', threads);
  const weights = syntheticWeights();
  const forward = new ForwardPass(runtime, BENCH_SHAPE);
  const head = new LossHead(forward);
  const evaluator = (length: number, tokens: number, cacheBytes = 0): Promise<LocalEvaluator> =>
    LocalEvaluator.create({
      ...{ forward, head, weights, cacheBytes },
      windows: syntheticWindows(tokens / length, length),
      kind: 'perplexity',
    });
  try {
    const probe = await matMulProbe(runtime);
    const results: Measurement[] = [];
    for (const length of [512, 2048]) {
      results.push(...(await candidateCost(await evaluator(length, 2048), probe, length)));
    }
    results.push(...(await candidateParts(forward, head, weights)));
    results.push(...(await switching(forward, weights, await evaluator(512, 2048))));
    results.push(...(await prefixSaving(await evaluator(512, 2048, 400_000_000))));
    return results;
  } finally {
    await runtime.release();
  }
}

/** Forward of 2,048 tokens in windows of `length`, dense and at two ratios, against the probe. */
async function candidateCost(
  evaluator: LocalEvaluator,
  probe: () => Promise<number>,
  length: number,
): Promise<Measurement[]> {
  const rates: number[] = [];
  const subnets = {
    dense: denseSubnet(BENCH_SHAPE),
    half: uniformMasks(0.5, 1),
    most: uniformMasks(0.8, 1),
  };
  const times = await interleaved(
    {
      probe: async () => rates.push(await probe()),
      dense: () => evaluator.loss(subnets.dense),
      half: () => evaluator.loss(subnets.half),
      most: () => evaluator.loss(subnets.most),
    },
    ROUNDS,
  );
  const flops = denseFlops(length) * (2048 / length);
  const rate = times.dense.map((ms) => flops / ms / 1e6);
  const relative = median(rate.map((value, i) => value / rates[i + 1]!));
  return [
    figure(`MatMul probe beside the ${length}-token windows`, median(rates), 'GFLOP/s'),
    atLeast(`forward rate over MatMul probe, ${length}-token windows`, relative, 0.85),
    atMost(
      `candidate at 50% over dense, ${length}-token windows`,
      ratioOf(times.half, times.dense),
      length === 512 ? 0.65 : 0.75,
    ),
    atMost(
      `candidate at 80% over dense, ${length}-token windows`,
      ratioOf(times.most, times.dense),
      0.9,
    ),
  ];
}

/**
 * What a candidate at 50% saves of each part of 2,048 tokens in windows of 512: why it takes more than
 * half of the dense time. Of that time, on two cores, 0.187 is the loss head, 0.037 the softmax of
 * scores, whose number does not depend on how wide a head is, and 0.021 norms and residuals; none of
 * these shrinks. Were all else halved, 0.62 were left. Gathering the kept rows adds 0.009, and products
 * of half the width 0.005, which makes 0.635; on cores that nobody else uses 0.669 was measured, the
 * shares of that were not. Multiplications and additions alone give 0.593.
 */
async function candidateParts(
  forward: ForwardPass,
  head: LossHead,
  weights: ReturnType<typeof syntheticWeights>,
): Promise<Measurement[]> {
  const windows = syntheticWindows(4, 512);
  const states = await forward.embed(weights, [windows.slice(0, 2), windows.slice(2)]);
  const targets = await head.nextTokenTargets(weights, windows);
  const [dense, half] = [denseSubnet(BENCH_SHAPE), uniformMasks(0.5, 1)];
  const all = (kind: SublayerKind, subnet: Subnet) => async (): Promise<void> => {
    for (const [l, layer] of weights.layers.entries()) {
      forward.release(await forward.sublayer(kind, layer, subnet.layers[l]!, states));
    }
  };
  const times = await interleaved(
    {
      head: () => head.losses(weights, states, targets),
      ...{ attention: all('attention', dense), narrowAttention: all('attention', half) },
      ...{ mlp: all('mlp', dense), narrowMlp: all('mlp', half) },
    },
    ROUNDS,
  );
  const whole = times.head.map((ms, i) => ms + times.attention[i]! + times.mlp[i]!);
  return [
    figure('loss head, share of a dense candidate', ratioOf(times.head, whole), 'share'),
    figure('attention, share of a dense candidate', ratioOf(times.attention, whole), 'share'),
    figure('attention at 50% over dense', ratioOf(times.narrowAttention, times.attention), 'ratio'),
    figure('MLP at 50% over dense', ratioOf(times.narrowMlp, times.mlp), 'ratio'),
  ];
}

/** Gathering the rows of a candidate, as a share of evaluating 2,048 tokens with it. */
async function switching(
  forward: ForwardPass,
  weights: ReturnType<typeof syntheticWeights>,
  evaluator: LocalEvaluator,
): Promise<Measurement[]> {
  const measure = async (next: Subnet): Promise<number> => {
    const times = await interleaved(
      {
        gather: () => forward.gatherOnly(weights, next),
        evaluate: () => evaluator.loss(next),
      },
      ROUNDS,
    );
    return ratioOf(times.gather, times.evaluate);
  };
  return [
    atMost(
      'switching to an arbitrary mask over 2,048 tokens',
      await measure(uniformMasks(0.8, 2)),
      0.1,
    ),
    atMost('switching to a nested mask over 2,048 tokens', await measure(prefixMasks(0.8)), 0.02),
  ];
}

/** The first units everywhere: what a nested mask is once units are in order of importance. */
function prefixMasks(ratio: number): Subnet {
  const first = (n: number): Uint32Array =>
    Uint32Array.from({ length: Math.round(ratio * n) }, (_, i) => i);
  const dense = denseSubnet(BENCH_SHAPE);
  return {
    layers: dense.layers.map(({ heads, mlp }) => ({
      heads: heads.map(({ qk, vo }) => ({ qk: first(qk.length), vo: first(vo.length) })),
      mlp: first(mlp.length),
    })),
  };
}

/**
 * A child that differs from its parent from block l on, against a subnet of which nothing is cached.
 * The head is always computed, so time saved is compared with the time of the blocks alone.
 */
async function prefixSaving(evaluator: LocalEvaluator): Promise<Measurement[]> {
  const parent = uniformMasks(0.8, 1);
  const results: Measurement[] = [];
  for (const skipped of [10, 20]) {
    const saved: number[] = [];
    for (let round = 0; round < ROUNDS + 1; round++) {
      // Fresh masks each round: a child evaluated before would come from the cache entirely.
      const other = uniformMasks(0.8, 100 + 10 * skipped + round);
      const child = { layers: parent.layers.map((m, l) => (l < skipped ? m : other.layers[l]!)) };
      await evaluator.loss(parent);
      const headMs = await timed(evaluator, parent);
      const childMs = await timed(evaluator, child);
      const wholeMs = await timed(evaluator, uniformMasks(0.8, 1000 + 10 * skipped + round));
      if (round > 0) saved.push((wholeMs - childMs) / (wholeMs - headMs));
    }
    const share = skipped / BENCH_SHAPE.layers;
    results.push(
      figure(`block time saved with ${skipped} of 30 blocks cached`, median(saved), 'share'),
      atMost(
        `saving with ${skipped} of 30 blocks cached, distance from ${skipped}/30`,
        Math.abs(median(saved) - share) / share,
        0.1,
        'relative',
      ),
    );
  }
  return results;
}

async function timed(evaluator: LocalEvaluator, subnet: Subnet): Promise<number> {
  const start = performance.now();
  await evaluator.loss(subnet);
  return performance.now() - start;
}

/** FLOPs of one dense window: linear maps, attention products (all T², as computed), head. */
function denseFlops(time: number): number {
  return bodyFlops(time, 1) + headFlops(time);
}

function bodyFlops(time: number, ratio: number): number {
  const { layers, hidden, heads, kvHeads, headDim, intermediate } = BENCH_SHAPE;
  const linear = hidden * (2 * heads * headDim + 2 * kvHeads * headDim + 3 * intermediate);
  return layers * ratio * (2 * time * linear + 4 * time * time * heads * headDim);
}

function headFlops(time: number): number {
  return 2 * time * BENCH_SHAPE.hidden * BENCH_SHAPE.vocab;
}

/** Rate of a large float32 product in this very minute, GFLOP/s. */
async function matMulProbe(runtime: Runtime): Promise<() => Promise<number>> {
  const n = 1024;
  const graph = new GraphBuilder('probe');
  const a = graph.input('a', 'float32', [n, n]);
  const b = graph.input('b', 'float32', [n, n]);
  graph.output('y', graph.op('MatMul', [a, b]), 'float32', [n, n]);
  const session = await runtime.session(graph.build());
  const x = tensorOf(new Float32Array(n * n).fill(0.5), [n, n]);
  return async () => {
    const times: number[] = [];
    for (let i = 0; i < 9; i++) {
      const start = performance.now();
      await session.run({ a: x, b: x });
      times.push(performance.now() - start);
    }
    return (2 * n ** 3) / median(times) / 1e6;
  };
}
