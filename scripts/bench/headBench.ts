import { emitNorm, emitProjection } from '../../src/engine/graphs/emit.ts';
import { logitsGraph, lossGraph } from '../../src/engine/graphs/headGraph.ts';
import { normOf } from '../../src/engine/model/block.ts';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import { GraphBuilder } from '../../src/engine/onnx/graphBuilder.ts';
import { float32Of, Runtime, tensorOf } from '../../src/engine/runtime/runtime.ts';
import { atMost, interleaved, type Measurement, ratioOf } from './measurement.ts';
import { BENCH_SHAPE } from './syntheticModel.ts';

const ROUNDS = 9;
const POSITIONS = 256;
const SIZES = [
  { vocab: 49_152, hidden: 576 },
  { vocab: 32_000, hidden: 2_048 },
];

/** What the exact sum of the loss costs beside the provider's own, and what it is off by. */
export async function headBench(threads: number): Promise<Measurement[]> {
  const runtime = new Runtime('cpu', threads);
  const results: Measurement[] = [];
  try {
    for (const size of SIZES) results.push(...(await headOf(runtime, size)));
  } finally {
    await runtime.release();
  }
  return results;
}

async function headOf(
  runtime: Runtime,
  size: { readonly vocab: number; readonly hidden: number },
): Promise<Measurement[]> {
  const shape = { ...BENCH_SHAPE, ...size };
  const { vocab, hidden } = size;
  const rng = rngFor(1, 'head', String(vocab));
  const normals = (count: number, deviation: number): Float32Array =>
    Float32Array.from({ length: count }, () => deviation * rng.normal());
  const feeds = {
    x: tensorOf(normals(POSITIONS * hidden, 1), [POSITIONS, hidden]),
    norm_gain: tensorOf(new Float32Array(hidden).fill(1), [hidden]),
    head: tensorOf(normals(vocab * hidden, 2.2 / Math.sqrt(hidden)), [vocab, hidden]),
  };
  const target = tensorOf(new Float32Array(POSITIONS * hidden), [POSITIONS, hidden]);
  const exact = await runtime.session(lossGraph(shape));
  const provided = await runtime.session(providedGraph(shape));
  const times = await interleaved(
    {
      exact: () => exact.run({ ...feeds, target }),
      provided: () => provided.run(feeds),
    },
    ROUNDS,
  );
  const name = `${POSITIONS} positions, ${vocab} tokens × ${hidden}`;
  const losses = float32Of(await exact.run1({ ...feeds, target }));
  const logits = await (await runtime.session(logitsGraph(shape))).run1(feeds);
  return [
    atMost(
      `loss head, exact sum over ReduceLogSumExp, ${name}`,
      ratioOf(times.exact, times.provided),
      1.03,
    ),
    atMost(`mean loss off a float64 sum, ${name}`, offBy(losses, float32Of(logits)), 1e-6, 'nats'),
  ];
}

/** The head with the provider's sum over the vocabulary, and without a target. */
function providedGraph(shape: typeof BENCH_SHAPE): Uint8Array {
  const graph = new GraphBuilder('provided');
  const x = graph.input('x', 'float32', ['tokens', shape.hidden]);
  const head = graph.input('head', 'float32', [shape.vocab, shape.hidden]);
  const z = emitProjection(graph, emitNorm(graph, normOf(shape), x, shape.hidden), head, null);
  const sum = graph.op('ReduceLogSumExp', [z, graph.ints([-1])], { keepdims: 0n });
  graph.output('sum', sum, 'float32', ['tokens']);
  return graph.build();
}

/** Mean difference of losses without a target to float64 sums over the logits, as a magnitude. */
function offBy(losses: Float32Array, logits: Float32Array): number {
  const vocab = logits.length / losses.length;
  let difference = 0;
  for (const [t, loss] of losses.entries()) {
    let sum = 0;
    for (let v = 0; v < vocab; v++) sum += Math.exp(logits[t * vocab + v]!);
    difference += loss - Math.log(sum);
  }
  return Math.abs(difference / losses.length);
}
