// Evaluates one candidate in a process of its own and prints what it took, as one JSON line.
import { LocalEvaluator } from '../../src/engine/evaluation/evaluator.ts';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { BENCH_SHAPE, syntheticWeights, syntheticWindows, uniformMasks } from './syntheticModel.ts';

const [threads, length] = process.argv.slice(2).map(Number) as [number, number];
const weights = syntheticWeights();
const runtime = new Runtime('cpu', threads);
const forward = new ForwardPass(runtime, BENCH_SHAPE);
const evaluator = await LocalEvaluator.create({
  ...{ forward, head: new LossHead(forward), weights },
  windows: syntheticWindows(2048 / length, length),
  kind: 'perplexity',
  cacheBytes: 0,
});

let longestGapMs = 0;
let last = performance.now();
const pulse = setInterval(() => {
  longestGapMs = Math.max(longestGapMs, performance.now() - last);
  last = performance.now();
}, 1);
const subnets = [uniformMasks(0.8, 1), uniformMasks(0.8, 2)];
for (const subnet of subnets) await evaluator.loss(subnet);

// A cancel must be answered within one block's time.
const blockStart = performance.now();
await evaluator.loss(subnets[0]!);
const blockMs = (performance.now() - blockStart) / BENCH_SHAPE.layers;
const controller = new AbortController();
let abortedAt = 0;
setTimeout(() => {
  abortedAt = performance.now();
  controller.abort();
}, blockMs * 10);
const cancelMs = await evaluator.loss(subnets[1]!, controller.signal).then(
  () => NaN,
  () => performance.now() - abortedAt,
);
clearInterval(pulse);
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.send?.({ peakBytes, blockMs, cancelMs, longestGapMs });
await runtime.release();
