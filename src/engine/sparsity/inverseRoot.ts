import { EngineError } from '../../protocol/errors.ts';
import { copyOf, type Matrix, rowsOf, zeros } from '../numeric/matrix.ts';
import { meanDiagonal } from '../numeric/symmetric.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';
import { factorPanels, type Panel } from '../runtime/solverPanels.ts';

/** What {@link inverseRoot} makes of a Gram matrix. */
export interface InverseRoot {
  /** U, upper triangular, [n, n]: (G + λI)⁻¹ = UᵀU. */
  readonly upper: Matrix;
  /** Inputs that were zero on every token; G's diagonal counted as 1 there. */
  readonly dead: readonly number[];
}

/**
 * The upper Cholesky factor of the inverse of a damped Gram matrix, without inverting it.
 *
 * With the order of the inputs reversed, G + λI = L·Lᵀ; back in the old order L is an upper factor
 * R with G + λI = R·Rᵀ, so U = R⁻¹. One factorisation and one triangular inverse in native products
 * take the place of two factorisations and a full inverse.
 *
 * Memory: 2·n² float64 entries beside G.
 * @param gram  G, [n, n], symmetric; read only
 * @param damping  λ as a fraction of the mean diagonal
 * @throws EngineError `numeric` when G is not finite or not positive definite when damped; `cancelled`
 * @source Frantar and Alistarh 2023 (SparseGPT); METHODS section 3.2
 */
export async function inverseRoot(
  gemm: SolverGemm,
  gram: Matrix,
  options: { readonly damping: number; readonly what: string },
  signal?: AbortSignal,
): Promise<InverseRoot> {
  const n = gram.rows;
  const { reversed, dead } = reversedWithLife(gram);
  const ridge = options.damping * meanDiagonal(reversed);
  const panels = await factorPanels(gemm, reversed, ridge, signal);
  if ('row' in panels) {
    throw new EngineError('numeric', {
      what: `${options.what} (Gram matrix)`,
      expected: 'a positive definite matrix of finite numbers',
      found: `pivot ${panels.pivot} at input ${n - 1 - panels.row}`,
      action: 'Use more calibration text or a larger damping.',
      sentence: `The Gram matrix of ${options.what} is not positive definite: its pivot at input ${n - 1 - panels.row} is ${panels.pivot}.`,
    });
  }
  const upper = zeros(n, n);
  for (let first = 0; first < panels.length; first++) {
    const columns = await inverseColumns(gemm, panels, first, n, signal);
    placeReversed(columns, panels[first]!.start, upper);
  }
  return { upper, dead };
}

/** G with its inputs in reverse order and ones on the diagonal of dead inputs. */
function reversedWithLife(gram: Matrix): { reversed: Matrix; dead: number[] } {
  const reversed = copyOf(gram);
  // Reversing rows and columns of a row-major square matrix is reversing its memory.
  reversed.data.reverse();
  const n = gram.rows;
  const dead: number[] = [];
  for (let i = 0; i < n; i++) {
    if (gram.data[i * n + i] !== 0) continue;
    dead.push(i);
    const at = n - 1 - i;
    reversed.data[at * n + at] = 1;
  }
  return { reversed, dead };
}

/** The block column of L⁻¹ that starts at panel `first`, from its diagonal block down. */
async function inverseColumns(
  gemm: SolverGemm,
  panels: readonly Panel[],
  first: number,
  n: number,
  signal: AbortSignal | undefined,
): Promise<Matrix> {
  const { start, inverse } = panels[first]!;
  const width = inverse.rows;
  const columns = zeros(n - start, width);
  columns.data.set(inverse.data);
  const scratch = zeros(width, width);
  for (let p = first; p < panels.length; p++) {
    const panel = panels[p]!;
    const top = panel.start - start;
    const solved = rowsOf(columns, top, top + panel.inverse.rows);
    if (p > first) {
      const product = rowsOf(scratch, 0, panel.inverse.rows);
      await gemm.multiply(panel.inverse, solved, product, signal);
      solved.data.set(product.data);
    }
    if (panel.below.rows === 0) continue;
    const rest = rowsOf(columns, top + panel.inverse.rows, columns.rows);
    await gemm.subtract(panel.below, solved, rest, signal);
  }
  return columns;
}

/** Puts columns of L⁻¹ where U = P·L⁻¹·P has them, P reversing the order. */
function placeReversed(columns: Matrix, start: number, upper: Matrix): void {
  const n = upper.rows;
  for (let r = 0; r < columns.rows; r++) {
    const to = (n - 1 - start - r) * n + (n - 1 - start);
    const from = r * columns.columns;
    for (let c = 0; c < columns.columns; c++) upper.data[to - c] = columns.data[from + c]!;
  }
}
