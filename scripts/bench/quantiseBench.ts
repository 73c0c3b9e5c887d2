import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decoderRows } from '../../src/engine/export/decoderRows.ts';
import { exportOnnx, type ExportOptions } from '../../src/engine/export/exportOnnx.ts';
import { measureDecoders } from '../../src/engine/export/measure.ts';
import { matrixOf } from '../../src/engine/numeric/matrix.ts';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import { roundModel } from '../../src/engine/quantise/roundModel.ts';
import { roundWeight } from '../../src/engine/quantise/roundWeight.ts';
import { quantiseSweep } from '../../src/engine/quantise/sweep.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { SolverGemm } from '../../src/engine/runtime/solverGemm.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { figure, type Measurement, median } from './measurement.ts';
import { BENCH_SHAPE, syntheticWeights, syntheticWindows } from './syntheticModel.ts';

const FORMATS = {
  int4: { bits: 4, blockSize: 32 },
  int8: { bits: 8, blockSize: 32 },
} as const;
/** Blocks of the 135M shape that are timed; a head of few tokens leaves them the most of a step. */
const SHAPE = { ...BENCH_SHAPE, layers: 10, vocab: 2048 };
const OPTIONS: ExportOptions = {
  dtype: 'F32',
  origin: { sourceFingerprint: '0'.repeat(64), engineVersion: 'bench' },
};

/** Integer weights: how long they take to make, and what they save. None of it has a bar. */
export async function quantiseBench(threads: number): Promise<Measurement[]> {
  const runtime = new Runtime('cpu', threads);
  try {
    return [...roundBench(), await sweepBench(runtime), ...(await decodeBench(runtime))];
  } finally {
    await runtime.release();
  }
}

/** Processor time of one core, as rounding is plain JavaScript. */
function roundBench(): Measurement[] {
  const [outputs, inputs] = [4096, 11_008];
  const weight = noise(outputs * inputs);
  return Object.entries(FORMATS).map(([name, format]) => {
    const times = Array.from({ length: 4 }, () => {
      const before = process.cpuUsage().user;
      roundWeight(weight, outputs, inputs, format);
      return (process.cpuUsage().user - before) / 1e6;
    });
    return figure(`4,096 × 11,008 to ${name}, one core`, median(times.slice(1)), 's');
  });
}

/** One 1,536 × 576 map input by input, over the same rounded to nearest. */
async function sweepBench(runtime: Runtime): Promise<Measurement> {
  const [inputs, outputs] = [1536, 576];
  const gemm = new SolverGemm(runtime);
  const weight = noise(inputs * outputs);
  const upper = new Float64Array(inputs ** 2);
  for (let i = 0; i < inputs; i++) {
    for (let j = i; j < inputs; j++) upper[i * inputs + j] = i === j ? 1 : 1e-3;
  }
  const root = { upper: matrixOf(upper, inputs, inputs), dead: [] };
  const times: number[] = [];
  for (let round = 0; round < 4; round++) {
    const copy = matrixOf(Float64Array.from(weight), inputs, outputs);
    const start = performance.now();
    await quantiseSweep(gemm, copy, root, FORMATS.int4);
    if (round > 0) times.push(performance.now() - start);
  }
  return figure('1,536 × 576 to int4, input by input', median(times) / 1000, 's');
}

/** Steps of decoders with integers over those of float32, which take turns. */
async function decodeBench(runtime: Runtime): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quantise-bench-'));
  try {
    const weights = syntheticWeights(SHAPE);
    const subnet = denseSubnet(SHAPE);
    const models = [
      { name: 'float32', ...(await exportOnnx(join(folder, 'f'), weights, subnet, OPTIONS)) },
    ];
    for (const [name, format] of Object.entries(FORMATS)) {
      const quantised = await roundModel(weights, subnet, format, decoderRows);
      const written = await exportOnnx(join(folder, name), quantised.weights, subnet, {
        ...{ ...OPTIONS, quantised },
      });
      models.push({ name, ...written });
    }
    const prompt = syntheticWindows(1, 256)[0]!.map((token) => token % SHAPE.vocab);
    const [floats, ...others] = await measureDecoders(runtime, models, {
      ...{ prompt, decodeTokens: 16, warmUp: 1, rounds: 7 },
    });
    return others.flatMap(({ name, bytes, prefill, decode }) => [
      figure(`${name} decoder, bytes over float32`, bytes / floats!.bytes, 'ratio'),
      figure(
        `${name} decoder, one token over float32`,
        decode.median / floats!.decode.median,
        'ratio',
      ),
      figure(
        `${name} decoder, 256 tokens over float32`,
        prefill.median / floats!.prefill.median,
        'ratio',
      ),
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function noise(length: number): Float32Array {
  const rng = rngFor(length, 'quantise bench');
  const values = Float64Array.from({ length: 8191 }, () => rng.uniform() - 0.5);
  return Float32Array.from({ length }, (_, i) => values[i % 8191]!);
}
