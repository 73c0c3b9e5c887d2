import { choleskyInPlace, solveCholesky } from '../../src/engine/numeric/cholesky.ts';
import { matrixOf } from '../../src/engine/numeric/matrix.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { Solver } from '../../src/engine/runtime/solver.ts';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import { atLeast, type Measurement, ratioOf } from './measurement.ts';

/** Right-hand sides: the residual width of the 135M shape. */
const COLUMNS = 576;

/**
 * Damped least squares in float64 against plain JavaScript, by turns.
 * @param rounds  per size; the plain code takes minutes at 4,096
 */
export async function solverBench(
  threads: number,
  sizes: readonly { readonly n: number; readonly rounds: number; readonly bar: number }[],
): Promise<Measurement[]> {
  const runtime = new Runtime('cpu', threads);
  const solver = new Solver(runtime);
  try {
    const results: Measurement[] = [];
    for (const { n, rounds, bar } of sizes) {
      const gram = randomGram(n);
      const rhs = randomMatrix(n, COLUMNS);
      const ours: number[] = [];
      const plain: number[] = [];
      for (let round = -1; round < rounds; round++) {
        const start = performance.now();
        await solver.solve(matrixOf(gram, n, n), matrixOf(rhs, n, COLUMNS), {
          ridge: 0.01 * n,
          what: 'bench',
        });
        const middle = performance.now();
        if (round < 0) continue;
        solvePlain(gram, rhs, n);
        ours.push(middle - start);
        plain.push(performance.now() - middle);
      }
      results.push(
        atLeast(`least squares over plain JavaScript, n = ${n}`, ratioOf(plain, ours), bar, '×'),
      );
    }
    return results;
  } finally {
    await runtime.release();
  }
}

function solvePlain(gram: Float64Array, rhs: Float64Array, n: number): void {
  const factor = gram.slice();
  for (let i = 0; i < n; i++) factor[i * n + i]! += 0.01 * n;
  choleskyInPlace(factor, n);
  solveCholesky(factor, n, rhs.slice(), COLUMNS);
}

/** A symmetric matrix with a dominant diagonal: definite without an n³ product to make it so. */
function randomGram(n: number): Float64Array {
  const noise = randomMatrix(n, n);
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      gram[i * n + j] = noise[i * n + j]!;
      gram[j * n + i] = noise[i * n + j]!;
    }
    gram[i * n + i] = n;
  }
  return gram;
}

function randomMatrix(rows: number, columns: number): Float64Array {
  const rng = rngFor(rows, 'matrix', columns);
  // Few distinct numbers are enough: a product's time does not depend on its values.
  const values = Float64Array.from({ length: 8191 }, () => rng.normal());
  return Float64Array.from({ length: rows * columns }, (_, i) => values[i % 8191]!);
}
