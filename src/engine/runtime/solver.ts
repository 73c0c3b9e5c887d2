import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import { meanDiagonal } from '../numeric/symmetric.ts';
import type { Runtime } from './runtime.ts';
import { Factor } from './solverFactor.ts';
import { SolverGemm, type Transposed } from './solverGemm.ts';
import { factorPanels, type FailedPivot } from './solverPanels.ts';

/** What a factorisation is of, and how it is damped. */
export interface FactorOptions {
  /** Absolute, added to every diagonal entry; not negative. */
  readonly ridge: number;
  /** Names the matrix in an error, e.g. `block 3: Gram matrix of the MLP`. */
  readonly what: string;
}

/** Times a ridge that is too small is raised tenfold. */
const RETRIES = 3;

/**
 * First ridge tried when none was asked for and the matrix is singular, as a fraction of the mean
 * diagonal: the noise of sums accumulated in float32.
 */
const SMALLEST_RIDGE = 1e-8;

/**
 * Float64 linear algebra on ONNX Runtime: factorisations, solves and products.
 *
 * Inputs are never written to unless a method says so. Between any two native calls the event loop
 * gets a turn and the signal is checked.
 * @source RUNTIME section 4.2
 */
export class Solver {
  readonly #gemm: SolverGemm;

  /**
   * @param runtime  a CPU runtime; it must outlive the solver
   * @throws EngineError `device` when the runtime is not a CPU: no GPU provider does float64
   */
  constructor(runtime: Runtime) {
    if (runtime.device !== 'cpu') {
      throw new EngineError('device', {
        what: 'The solver',
        expected: 'the device "cpu", the only one with float64 products',
        found: `"${runtime.device}"`,
        action: 'This is a bug in the engine; please report it.',
        sentence: `The solver was given the device ${runtime.device}; only the CPU has float64 products.`,
      });
    }
    this.#gemm = new SolverGemm(runtime);
  }

  /**
   * Factors G + ridge·I. A ridge that leaves the matrix not positive definite is raised tenfold,
   * at most three times; `Factor.ridge` says what was used.
   *
   * Memory: n²/2 + 128·n float64 entries beside G.
   * @param gram  G, [n, n], symmetric, its lower triangle is read
   * @throws EngineError `numeric` when G holds a value that is not finite or no ridge helps; `shape`
   *   when G is not square; `cancelled`
   */
  async factor(gram: Matrix, options: FactorOptions, signal?: AbortSignal): Promise<Factor> {
    const n = gram.rows;
    if (n !== gram.columns || n === 0) throw notSquare(gram, options.what);
    let ridge = options.ridge;
    for (let attempt = 0; ; attempt++) {
      throwIfAborted(signal);
      const panels = await factorPanels(this.#gemm, gram, ridge, signal);
      if (!('row' in panels)) return new Factor(this.#gemm, panels, n, ridge);
      const finite = Number.isFinite(panels.pivot);
      if (attempt === RETRIES || !finite) throw notDefinite(panels, ridge, options.what);
      ridge = Math.max(ridge * 10, SMALLEST_RIDGE * meanDiagonal(gram));
    }
  }

  /**
   * Solves (G + ridge·I)·X = R once.
   * @param gram  [n, n], symmetric; read only
   * @param rhs  R, [n, columns]; read only
   * @returns  X, [n, columns]
   * @throws EngineError as {@link Solver.factor}
   */
  async solve(
    gram: Matrix,
    rhs: Matrix,
    options: FactorOptions,
    signal?: AbortSignal,
  ): Promise<Matrix> {
    const factor = await this.factor(gram, options, signal);
    return factor.solve(rhs, signal);
  }

  /**
   * op(A)·op(B), where op transposes the operands that `transposed` names.
   * @returns  fresh memory
   * @throws EngineError `cancelled`
   */
  async multiply(
    a: Matrix,
    b: Matrix,
    signal?: AbortSignal,
    transposed: Transposed = {},
  ): Promise<Matrix> {
    const out = zeros(
      transposed.a === true ? a.columns : a.rows,
      transposed.b === true ? b.rows : b.columns,
    );
    await this.#gemm.multiply(a, b, out, signal, transposed);
    return out;
  }

  /**
   * out −= op(A)·op(B), in place.
   * @param out  overwritten; must not overlap A or B
   * @throws EngineError `cancelled`
   */
  async subtractProduct(
    out: Matrix,
    a: Matrix,
    b: Matrix,
    signal?: AbortSignal,
    transposed: Transposed = {},
  ): Promise<void> {
    await this.#gemm.subtract(a, b, out, signal, transposed);
  }

  /** Frees the native sessions. Factors made here must not be used afterwards. */
  async release(): Promise<void> {
    await this.#gemm.release();
  }
}

function notSquare(gram: Matrix, what: string): EngineError {
  return new EngineError('shape', {
    what,
    expected: 'a square matrix of at least one row',
    found: `[${gram.rows}, ${gram.columns}]`,
    action: 'This is a bug in the engine; please report it.',
    sentence: `A Gram matrix is not square but [${gram.rows}, ${gram.columns}]: ${what}.`,
  });
}

function notDefinite(failed: FailedPivot, ridge: number, what: string): EngineError {
  const finite = Number.isFinite(failed.pivot);
  const flaw = finite ? 'is not positive definite' : 'holds values that are not finite';
  return new EngineError('numeric', {
    what,
    sentence: `The Gram matrix ${flaw}: ${what}, pivot ${failed.pivot} at row ${failed.row}.`,
    expected: finite ? 'a positive definite matrix' : 'only finite numbers',
    found: `pivot ${failed.pivot} at row ${failed.row} with ${ridge} added to the diagonal`,
    action: finite
      ? 'Use more calibration text or a larger damping.'
      : 'Check the model and the calibration text: the activations overflow.',
  });
}
