import { GraphBuilder } from '../onnx/graphBuilder.ts';
import { type Runtime, type Session, type Tensor, tensorOf } from './runtime.ts';

/** Sizes n of the n³ products tried, smallest first: a slow device stops early. */
const SIZES = [128, 256, 512, 1024] as const;
/** A size is tried only if one product is predicted to take less, ms. */
const LONGEST_PRODUCT_MS = 250;
/** Timed products of the largest size. */
const REPEATS = 5;

/**
 * Rate of a large float32 MatMul whose operands are on the device: 1024³, or the largest smaller
 * cube that a slow device does in a quarter of a second.
 * @returns median, GFLOP/s
 */
export async function matMulRate(runtime: Runtime): Promise<number> {
  const session = await runtime.session(productGraph());
  let rate = 0;
  for (const n of SIZES) {
    const flops = 2 * n ** 3;
    if (rate > 0 && flops / rate / 1e6 > LONGEST_PRODUCT_MS) break;
    rate = await rateOf(runtime, session, n, n === SIZES.at(-1) ? REPEATS : 2);
  }
  await session.release();
  return rate;
}

async function rateOf(
  runtime: Runtime,
  session: Session,
  n: number,
  repeats: number,
): Promise<number> {
  const operand = (): Promise<Tensor> =>
    runtime.upload(tensorOf(new Float32Array(n * n).fill(1 / n), [n, n]));
  const feeds = { a: await operand(), b: await operand() };
  // The first run compiles kernels and grows pools.
  await session.run(feeds);
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await session.run(feeds);
    times.push(performance.now() - start);
  }
  for (const tensor of Object.values(feeds)) runtime.discard(tensor);
  times.sort((x, y) => x - y);
  const median = times[Math.floor((times.length - 1) / 2)] as number;
  return (2 * n ** 3) / (median * 1e6);
}

/** The product is summed up, so that fetching the result waits for the device but copies one number. */
function productGraph(): Uint8Array {
  const graph = new GraphBuilder('rate');
  const a = graph.input('a', 'float32', ['m', 'k']);
  const b = graph.input('b', 'float32', ['k', 'n']);
  const sum = graph.op('ReduceSum', [graph.op('MatMul', [a, b]), graph.ints([0, 1])], {
    keepdims: 1n,
  });
  graph.output('y', sum, 'float32', [1, 1]);
  return graph.build();
}
