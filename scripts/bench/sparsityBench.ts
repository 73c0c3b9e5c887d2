import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { choleskyInPlace, solveCholesky } from '../../src/engine/numeric/cholesky.ts';
import { matrixOf } from '../../src/engine/numeric/matrix.ts';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import { Runtime, type Tensor } from '../../src/engine/runtime/runtime.ts';
import { Solver } from '../../src/engine/runtime/solver.ts';
import { SolverGemm } from '../../src/engine/runtime/solverGemm.ts';
import { inverseRoot } from '../../src/engine/sparsity/inverseRoot.ts';
import { SPARSITY_METHODS } from '../../src/engine/sparsity/method.ts';
import { nmMask } from '../../src/engine/sparsity/nmMask.ts';
import { sparsify } from '../../src/engine/sparsity/sequential.ts';
import { sparseGptSweep } from '../../src/engine/sparsity/sparseGpt.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import {
  atLeast,
  atMost,
  figure,
  interleaved,
  median,
  type Measurement,
  ratioOf,
} from './measurement.ts';
import { BENCH_SHAPE, syntheticWeights, syntheticWindows } from './syntheticModel.ts';

/** The pattern of every line. */
const PATTERN = { kind: 'nm', n: 2, m: 4 } as const;
/** Blocks of the 135M shape that are timed; a pass costs the same per block. */
const BLOCKS = 4;

/** Speed of sparsity: a DaSS pass, a mask of a large matrix, SparseGPT of one layer. */
export async function sparsityBench(threads: number): Promise<Measurement[]> {
  const runtime = new Runtime('cpu', threads);
  try {
    return [...(await dassBench(runtime)), ...maskBench(), await sparseGptBench(runtime)];
  } finally {
    await runtime.release();
  }
}

/**
 * A DaSS pass over the forwards it cannot do without: attention once, and the MLP twice, as it is
 * for the statistics and pruned for the next block's inputs.
 */
async function dassBench(runtime: Runtime): Promise<Measurement[]> {
  const shape = { ...BENCH_SHAPE, layers: BLOCKS };
  const weights = syntheticWeights(shape);
  const forward = new ForwardPass(runtime, shape);
  const tools = { solver: new Solver(runtime), gemm: new SolverGemm(runtime) };
  const batches = syntheticWindows(4, 1024).map((window) => [window]);
  const method = SPARSITY_METHODS.dass;
  // Of no effect: DaSS does not refit.
  const judge = { head: new LossHead(forward), dense: weights, batches, loss: 'kl' } as const;
  const embed = (): Promise<Tensor[]> => forward.embed(weights, batches);
  const mask = denseSubnet(shape).layers[0]!;
  const times = await interleaved(
    {
      dass: () =>
        sparsify({
          ...{ forward, tools, weights, batches, method, pattern: PATTERN, scope: 'mlp' },
          ...{ seed: 0, judge },
        }),
      needed: async () => {
        let states = await embed();
        for (const layer of weights.layers) {
          const middle = await forward.sublayer('attention', layer, mask, states);
          forward.release(await forward.sublayer('mlp', layer, mask, middle));
          states = await forward.sublayer('mlp', layer, mask, middle);
        }
      },
      once: async () => forward.through(weights, denseSubnet(shape), await embed()),
    },
    5,
  );
  return [
    atMost('DaSS pass over its calibration forward', ratioOf(times.dass, times.needed), 1.2),
    figure('DaSS pass over one dense forward', ratioOf(times.dass, times.once), 'ratio'),
  ];
}

/** Processor time of one core: the mask is plain JavaScript, and a busy machine must not count. */
function maskBench(): Measurement[] {
  const [rows, columns] = [4096, 11_008];
  const weight = noise(rows * columns);
  const columnFactor = noise(columns).map((value) => value + 1);
  const scored = { what: 'bench', weight, rows, columns, rowFactor: null, columnFactor };
  const times = Array.from({ length: 6 }, () => {
    const before = process.cpuUsage().user;
    nmMask(scored, PATTERN, 'columns');
    return (process.cpuUsage().user - before) / 1e6;
  });
  return [atMost('2:4 mask of 4,096 × 11,008, one core', median(times.slice(1)), 0.3, 's')];
}

/** One 1,536 × 576 layer, from its Gram matrix to its new weights. */
async function sparseGptBench(runtime: Runtime): Promise<Measurement> {
  const [inputs, outputs] = [1536, 576];
  const gram = dominantGram(inputs);
  const weight = Float64Array.from(noise(inputs * outputs));
  const gemm = new SolverGemm(runtime);
  const [ours, plain]: [number[], number[]] = [[], []];
  for (let round = -1; round < 3; round++) {
    const start = performance.now();
    const what = 'bench';
    const root = await inverseRoot(gemm, matrixOf(gram, inputs, inputs), { damping: 0.01, what });
    await sparseGptSweep(gemm, matrixOf(weight.slice(), inputs, outputs), root, {
      ...{ pattern: PATTERN, what },
    });
    const middle = performance.now();
    if (round < 0) continue;
    plainSparseGpt(gram.slice(), weight.slice(), inputs, outputs);
    ours.push(middle - start);
    plain.push(performance.now() - middle);
  }
  const name = 'SparseGPT of a 1,536 × 576 layer over plain JavaScript';
  return atLeast(name, ratioOf(plain, ours), 10, '×');
}

/** SparseGPT as one would first write it: invert, factor, sweep. */
function plainSparseGpt(gram: Float64Array, w: Float64Array, n: number, outputs: number): void {
  for (let i = 0; i < n; i++) gram[i * n + i]! += 0.01 * n;
  choleskyInPlace(gram, n);
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) inverse[i * n + i] = 1;
  solveCholesky(gram, n, inverse, n);
  // The lower factor of the inverse is the transpose of the upper one.
  choleskyInPlace(inverse, n);
  for (let i = 0; i < n; i++) {
    const pivot = inverse[i * n + i]!;
    for (let c = 0; c < outputs; c++) {
      if (isKept(w, inverse, { i, c, n, outputs })) continue;
      const error = w[i * outputs + c]! / pivot;
      for (let k = i; k < n; k++) w[k * outputs + c]! -= error * inverse[k * n + i]!;
    }
  }
}

/** Whether a weight is among the two best of its group, which have not been updated since. */
function isKept(
  w: Float64Array,
  root: Float64Array,
  { i, c, n, outputs }: { i: number; c: number; n: number; outputs: number },
): boolean {
  const score = (k: number): number => Math.abs(w[k * outputs + c]! / root[k * n + k]!);
  const first = i & ~3;
  return [0, 1, 2, 3].filter((k) => score(first + k) > score(i)).length < 2;
}

/** Symmetric with a dominant diagonal, so that it is definite. */
function dominantGram(n: number): Float64Array {
  const values = noise(n * n);
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) gram[i * n + j] = gram[j * n + i] = values[i * n + j]!;
    gram[i * n + i] = n;
  }
  return gram;
}

function noise(length: number): Float32Array {
  const rng = rngFor(length, 'sparsity bench');
  const values = Float64Array.from({ length: 8191 }, () => rng.uniform() - 0.5);
  return Float32Array.from({ length }, (_, i) => values[i % 8191]!);
}
