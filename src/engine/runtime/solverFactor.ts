import { copyOf, type Matrix, rowsOf, zeros } from '../numeric/matrix.ts';
import type { SolverGemm } from './solverGemm.ts';
import type { Panel } from './solverPanels.ts';

/** Columns of L⁻¹ computed at a time for its column norms. */
const INVERSE_COLUMNS = 256;

/**
 * The Cholesky factor of a damped symmetric matrix, ready for solves.
 *
 * Holds n²/2 float64 entries. It stays valid until its solver is released.
 */
export class Factor {
  /** Order of the matrix. */
  readonly n: number;
  /** The ridge that was added to the diagonal: what was asked for, or more if that was too little. */
  readonly ridge: number;
  readonly #gemm: SolverGemm;
  readonly #panels: readonly Panel[];

  constructor(gemm: SolverGemm, panels: readonly Panel[], n: number, ridge: number) {
    this.#gemm = gemm;
    this.#panels = panels;
    this.n = n;
    this.ridge = ridge;
  }

  /**
   * Solves (G + ridge·I)·X = R.
   * @param rhs  R, [n, columns]; read only
   * @returns  X, [n, columns], fresh memory
   * @throws EngineError `cancelled`
   */
  async solve(rhs: Matrix, signal?: AbortSignal): Promise<Matrix> {
    const x = copyOf(rhs);
    await this.solveInPlace(x, signal);
    return x;
  }

  /**
   * Solves (G + ridge·I)·X = R, overwriting R with X; needs 128 extra rows of memory.
   * @param x  [n, columns]; overwritten (garbage when cancelled)
   * @throws EngineError `cancelled`
   */
  async solveInPlace(x: Matrix, signal?: AbortSignal): Promise<void> {
    if (x.columns === 0) return;
    await this.#forward(x, 0, signal);
    await this.#backward(x, signal);
  }

  /**
   * The diagonal of (G + ridge·I)⁻¹: squared column norms of L⁻¹, computed 256 columns at a time
   * in n · 256 entries of memory, about the cost of the factorisation.
   * @returns  [n], positive
   * @throws EngineError `cancelled`
   */
  async inverseDiagonal(signal?: AbortSignal): Promise<Float64Array> {
    const diagonal = new Float64Array(this.n);
    const width = this.#panels[0]?.inverse.rows ?? this.n;
    const step = Math.max(1, Math.floor(INVERSE_COLUMNS / width));
    for (let first = 0; first < this.#panels.length; first += step) {
      const start = this.#panels[first]!.start;
      const end = this.#panels[first + step]?.start ?? this.n;
      const columns = zeros(this.n - start, end - start);
      for (let c = 0; c < columns.columns; c++) columns.data[c * columns.columns + c] = 1;
      await this.#forward(columns, first, signal);
      addColumnEnergies(columns, diagonal.subarray(start, end));
    }
    return diagonal;
  }

  /** X ← L⁻¹·X for the rows from block column `first` on; x holds only these rows. */
  async #forward(x: Matrix, first: number, signal: AbortSignal | undefined): Promise<void> {
    const offset = this.#panels[first]!.start;
    const scratch = this.#scratch(x.columns);
    for (const { start, inverse, below } of this.#panels.slice(first)) {
      const top = start - offset;
      const solved = rowsOf(x, top, top + inverse.rows);
      const product = rowsOf(scratch, 0, inverse.rows);
      await this.#gemm.multiply(inverse, solved, product, signal);
      solved.data.set(product.data);
      if (below.rows === 0) continue;
      await this.#gemm.subtract(below, solved, rowsOf(x, top + inverse.rows, x.rows), signal);
    }
  }

  /** X ← L⁻ᵀ·X. */
  async #backward(x: Matrix, signal: AbortSignal | undefined): Promise<void> {
    const scratch = this.#scratch(x.columns);
    for (const { start, inverse, below } of this.#panels.toReversed()) {
      const solved = rowsOf(x, start, start + inverse.rows);
      if (below.rows > 0) {
        const known = rowsOf(x, start + inverse.rows, x.rows);
        await this.#gemm.subtract(below, known, solved, signal, { a: true });
      }
      const product = rowsOf(scratch, 0, inverse.rows);
      await this.#gemm.multiply(inverse, solved, product, signal, { a: true });
      solved.data.set(product.data);
    }
  }

  #scratch(columns: number): Matrix {
    return zeros(this.#panels[0]?.inverse.rows ?? 0, columns);
  }
}

/** energies[c] += Σ over rows of m[row, c]². */
function addColumnEnergies(m: Matrix, energies: Float64Array): void {
  for (let row = 0; row < m.rows; row++) {
    const at = row * m.columns;
    for (let c = 0; c < m.columns; c++) energies[c]! += m.data[at + c]! ** 2;
  }
}
