import { EngineError, misfit } from '../../protocol/errors.ts';
import { ones, squaredRowSums } from '../importance/rowSums.ts';
import { choleskyInPlace, solveLower } from '../numeric/cholesky.ts';
import { complementOf, gatherRows, subMatrix } from '../numeric/gather.ts';
import { copyOf, type Matrix, zeros } from '../numeric/matrix.ts';
import { diagonalOf, innerProduct, meanDiagonal } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';

/** A linear map whose inputs are to be removed one after another. */
export interface SweepProblem {
  /** Names the map in an error, e.g. `block 3, down_proj`. */
  readonly what: string;
  /** W, one row per input, [n, H]; read only. */
  readonly weight: Matrix;
  /** Σ x xᵀ of the inputs, [n, n]; read only. */
  readonly gram: Matrix;
  /** Inputs of each unit, [units][inputs of a unit]; together all inputs, each once. */
  readonly units: readonly Uint32Array[];
  /**
   * Units that may be removed next, given those that are left; all of them when absent. At least one
   * while any is left.
   * @param isLeft  [units], 1 while a unit is kept
   */
  readonly next?: (isLeft: Uint8Array) => readonly number[];
  /** Numbers of units at which the map is wanted, descending, each below the number of units. */
  readonly counts: readonly number[];
  /** λ as a fraction of the mean diagonal of the Gram matrix. */
  readonly damping: number;
  /** Units removed between two looks at the costs; a 96th of all units when absent. */
  readonly unitsPerStep?: number;
}

/** A map with some of its inputs removed and the others fitted to that. */
export interface SweptLevel {
  /** Units that are kept, ascending. */
  readonly units: Uint32Array;
  /** Inputs that are kept, ascending, [k]. */
  readonly inputs: Uint32Array;
  /** Fitted rows of these inputs, [k, H]. */
  readonly weight: Matrix;
  /** Share of the map's output energy that is lost on the calibration tokens, damping included. */
  readonly error: number;
}

/** Units removed between two looks at the costs where nothing is said, as a part of all units. */
const UNITS_PER_STEP = 1 / 96;

/**
 * Removes units of a linear map's inputs in one greedy sweep, each time those whose removal costs the
 * least output error once the remaining weights are fitted to it, and gives the fitted map at some
 * widths. The levels are nested: what is removed at one stays removed at the next.
 *
 * With the damped inverse Gram matrix P of the inputs that are left, removing the inputs S costs
 * tr(W[S]ᵀ · P[S,S]⁻¹ · W[S]), and the fit of the others is W − P[:,S] · P[S,S]⁻¹ · W[S].
 *
 * Memory: two matrices [n, n] and two [n, H], float64.
 * @yields  a level for each of the counts, in their order; it shares no memory with later ones
 * @throws EngineError `numeric` when the Gram matrix cannot be factored, `cancelled`
 * @source Frantar and Alistarh 2022, Optimal Brain Compression (structured form: Kurtic et al. 2023,
 *   ZipLM)
 */
export async function* sweepLevels(
  problem: SweepProblem,
  solver: Solver,
  signal?: AbortSignal,
): AsyncGenerator<SweptLevel> {
  const { what, weight, gram, units, counts, damping } = problem;
  // Of inputs that never moved, any may go first.
  const ridge = damping * meanDiagonal(gram) || 1;
  const factor = await solver.factor(gram, { ridge, what }, signal);
  const inverse = identity(gram.rows);
  await factor.solveInPlace(inverse, signal);
  const energy = innerProduct(weight, await solver.multiply(gram, weight, signal));
  const left = new Remaining(problem, inverse);
  const step = problem.unitsPerStep ?? Math.max(1, Math.round(units.length * UNITS_PER_STEP));
  for (const count of counts) {
    while (left.count > count) {
      await left.remove(Math.min(step, left.count - count), solver, signal);
    }
    const error = energy > 0 ? left.lost / energy : 0;
    yield { units: left.units(), inputs: left.inputs, weight: left.weight, error };
  }
}

/** The inputs that are left, their fitted weights and their inverse Gram matrix. */
class Remaining {
  readonly #problem: SweepProblem;
  readonly #isLeft: Uint8Array;
  /** Input of each row, ascending, [k]. */
  inputs: Uint32Array;
  /** [k, H] */
  weight: Matrix;
  /** [k, k] */
  #inverse: Matrix;
  /** Units that are left. */
  count: number;
  /** What was removed so far has cost, in squared units of the output. */
  lost = 0;

  constructor(problem: SweepProblem, inverse: Matrix) {
    this.#problem = problem;
    this.#isLeft = new Uint8Array(problem.units.length).fill(1);
    this.inputs = Uint32Array.from({ length: problem.weight.rows }, (_, i) => i);
    this.weight = copyOf(problem.weight);
    this.#inverse = inverse;
    this.count = problem.units.length;
  }

  units(): Uint32Array {
    return Uint32Array.from([...this.#isLeft.keys()].filter((unit) => this.#isLeft[unit] === 1));
  }

  /** Removes the cheapest units, so many at once, and fits what is left. */
  async remove(count: number, solver: Solver, signal?: AbortSignal): Promise<void> {
    const { units, next } = this.#problem;
    const rowOf = new Map(Array.from(this.inputs, (input, row) => [input, row] as const));
    const rowsOf = (unit: number): Uint32Array => units[unit]!.map((input) => rowOf.get(input)!);
    const possible = next?.(this.#isLeft) ?? this.units();
    const norms = squaredRowSums(this.weight.data, ones(this.weight.columns));
    const diagonal = diagonalOf(this.#inverse);
    const costs = Array.from(possible, (unit) => ({
      unit,
      cost: this.#cost(rowsOf(unit), norms, diagonal),
    }));
    costs.sort((a, b) => a.cost - b.cost || a.unit - b.unit);
    const removed = costs.slice(0, count).map(({ unit }) => unit);
    await this.#eliminate(
      Uint32Array.from(removed.flatMap((unit) => [...rowsOf(unit)])),
      solver,
      signal,
    );
    for (const unit of removed) this.#isLeft[unit] = 0;
    this.count -= removed.length;
  }

  /** tr(W[S]ᵀ · P[S,S]⁻¹ · W[S]) of a few rows. */
  #cost(rows: Uint32Array, norms: Float64Array, diagonal: Float64Array): number {
    if (rows.length === 1) return norms[rows[0]!]! / diagonal[rows[0]!]!;
    const factor = factorOf(this.#inverse, rows, this.#problem.what);
    const own = gatherRows(this.weight.data, this.weight.columns, rows);
    solveLower(factor, rows.length, own.data, own.columns);
    return innerProduct(own, own);
  }

  async #eliminate(rows: Uint32Array, solver: Solver, signal?: AbortSignal): Promise<void> {
    const kept = complementOf(rows, this.inputs.length);
    const factor = factorOf(this.#inverse, rows, this.#problem.what);
    // U = P[K,S]·L⁻ᵀ and Y = L⁻¹·W[S], so that W −= U·Y and P −= U·Uᵀ.
    const u = subMatrix(this.#inverse, rows, kept);
    solveLower(factor, rows.length, u.data, u.columns);
    const y = gatherRows(this.weight.data, this.weight.columns, rows);
    solveLower(factor, rows.length, y.data, y.columns);
    this.lost += innerProduct(y, y);
    this.weight = gatherRows(this.weight.data, this.weight.columns, kept);
    this.#inverse = subMatrix(this.#inverse, kept, kept);
    this.inputs = kept.map((row) => this.inputs[row]!);
    if (kept.length === 0) return;
    await solver.subtractProduct(this.weight, u, y, signal, { a: true });
    await solver.subtractProduct(this.#inverse, u, u, signal, { a: true });
  }
}

/** The lower factor of rows S of the inverse Gram matrix, [S, S]. */
function factorOf(inverse: Matrix, rows: Uint32Array, what: string): Float64Array {
  const { data } = subMatrix(inverse, rows, rows);
  const failed = choleskyInPlace(data, rows.length);
  if (failed < 0) return data;
  throw new EngineError('numeric', {
    ...misfit(
      what,
      'an inverse Gram matrix that stays positive',
      `a pivot at row ${failed} that is not`,
    ),
    action: 'Use more calibration text or a larger damping.',
    sentence: `The inputs of a map cannot be removed one after another: its Gram matrix is nearly singular (${what}).`,
  });
}

function identity(n: number): Matrix {
  const out = zeros(n, n);
  for (let i = 0; i < n; i++) out.data[i * n + i] = 1;
  return out;
}
