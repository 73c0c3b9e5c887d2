// Runs one pass over a model in a process of its own and sends what it added to its memory.
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectFluctuations } from '../../src/engine/baselines/fluctuation.ts';
import { flapSubnet } from '../../src/engine/baselines/flap.ts';
import { wandaSpSubnet } from '../../src/engine/baselines/wandaSp.ts';
import { calibrationBytes, collectStatistics } from '../../src/engine/calibration/collect.ts';
import { decoderBytes } from '../../src/engine/export/decoderBytes.ts';
import { decoderRows } from '../../src/engine/export/decoderRows.ts';
import { exportOnnx } from '../../src/engine/export/exportOnnx.ts';
import { measureDecoders } from '../../src/engine/export/measure.ts';
import { peakBytes, watchPeak } from '../../src/engine/export/residentMemory.ts';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { countParameters } from '../../src/engine/model/cost.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { quantiseBytes, quantiseModel } from '../../src/engine/quantise/quantiseModel.ts';
import { reform, reformationBytes } from '../../src/engine/reformation/reform.ts';
import { leastSquaresRefit } from '../../src/engine/reformation/refit.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { Solver } from '../../src/engine/runtime/solver.ts';
import { SolverGemm } from '../../src/engine/runtime/solverGemm.ts';
import { SPARSITY_METHODS } from '../../src/engine/sparsity/method.ts';
import { sparsify } from '../../src/engine/sparsity/sequential.ts';
import { sparsifyBytes } from '../../src/engine/sparsity/sparsifyBytes.ts';
import type { PassMemory, PassName } from './passMemoryBench.ts';
import { BENCH_SHAPE, syntheticWeights, syntheticWindows, uniformMasks } from './syntheticModel.ts';

/** Enough blocks for statistics of all of them to outweigh everything else. */
const SHAPE = { ...BENCH_SHAPE, layers: 8 };
const [WINDOWS, LENGTH] = [4, 512];
const TOKENS = WINDOWS * LENGTH;
const FORMAT = { bits: 4, blockSize: 32 } as const;
const DECODERS = 4;

const threads = Number(process.argv[2]);
const pass = process.argv[3] as PassName;
const weights = syntheticWeights(SHAPE);
const runtime = new Runtime('cpu', threads);
const forward = new ForwardPass(runtime, SHAPE);
const head = new LossHead(forward);
const gemm = new SolverGemm(runtime);
const solver = new Solver(runtime);
const batches = syntheticWindows(WINDOWS, LENGTH).map((window) => [window]);
const dense = denseSubnet(SHAPE);
const subnet = uniformMasks(0.8, 1, SHAPE);
const common = { forward, weights, batches };
const budget = countParameters(SHAPE, subnet).block;
const judge = { head, dense: weights, batches, loss: 'kl' } as const;
const sparsity = { method: SPARSITY_METHODS.ours, scope: 'mlp' } as const;
/** Residual streams before and after a sublayer. */
const streams = 2 * 4 * TOKENS * SHAPE.hidden;
const folder = await mkdtemp(join(tmpdir(), 'pass-memory-'));

/** What is done, and the bytes that it is said to add. */
const passes: Readonly<Record<PassName, readonly [() => Promise<unknown>, number]>> = {
  calibrate: [
    () => collectStatistics(forward, weights, batches, () => undefined),
    calibrationBytes(SHAPE, TOKENS),
  ],
  flap: [
    async () => flapSubnet(weights, await collectFluctuations(forward, weights, batches), budget),
    // The biases that make up for the means of what goes.
    streams,
  ],
  wandaSp: [() => wandaSpSubnet({ ...common, budget }), streams],
  quantise: [
    () => quantiseModel({ ...common, subnet, gemm, format: FORMAT, layoutOf: decoderRows }),
    quantiseBytes(SHAPE, FORMAT, TOKENS),
  ],
  reform: [
    () =>
      reform({
        ...{ ...common, dense: weights, head, subnet, target: 'dense', seed: 1, loss: 'kl' },
        refit: leastSquaresRefit(solver, [1e-3, 1e-2]),
      }),
    reformationBytes(SHAPE, TOKENS),
  ],
  sparsify: [
    () =>
      sparsify({
        ...{ ...common, ...sparsity, judge, seed: 1, tools: { solver, gemm } },
        pattern: { kind: 'nm', n: 2, m: 4 },
      }),
    sparsifyBytes(SHAPE, { ...sparsity, tokens: TOKENS }),
  ],
  evaluate: [timeDecoders, decoders(dense) + decoders(subnet)],
};

function decoders(kept: typeof dense): number {
  return decoderBytes(SHAPE, countParameters(SHAPE, kept).total, 256);
}

/** Four of them, of which two are to be held at a time. */
async function timeDecoders(): Promise<void> {
  const models: { name: string; path: string }[] = [];
  for (let i = 0; i < DECODERS; i++) {
    const name = i === 0 ? 'dense' : String(i);
    const origin = { sourceFingerprint: '0'.repeat(64), engineVersion: 'bench' };
    const { path } = await exportOnnx(join(folder, name), weights, i === 0 ? dense : subnet, {
      ...{ dtype: 'F32', origin },
    });
    models.push({ name, path });
  }
  await measureDecoders(runtime, models, {
    ...{ prompt: batches[0]![0]!.slice(0, 256), decodeTokens: 2, warmUp: 1, rounds: 3 },
    dense: 'dense',
  });
}

// What looking at a block and losses take is not a pass's own: it counts as the process's.
const embedded = await forward.embed(weights, batches);
const states = await forward.through(weights, dense, embedded);
await head.losses(weights, states, await head.nextTokenTargets(weights, batches.flat()));
await head.denseTargets(weights, states);
for (const kind of ['attention', 'mlp'] as const) {
  const options = { tap: () => undefined };
  forward.release(
    await forward.sublayer(kind, weights.layers[0]!, dense.layers[0]!, states, options),
  );
}
forward.release(states);
const before = watchPeak();
const [run, statedBytes] = passes[pass];
await run();
const after = peakBytes();
rmSync(folder, { recursive: true, force: true });
process.send?.({ before, after, statedBytes } satisfies PassMemory);
await runtime.release();
