import { type Matrix, rowsOf, zeros } from '../numeric/matrix.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';

/** A sweep over the inputs of a map, from the first to the last. */
export interface ErrorSweep {
  /** [inputs, outputs]; changed */
  readonly weight: Matrix;
  /** Root of the inverse Gram matrix, [inputs, inputs], upper. */
  readonly upper: Matrix;
  /** Errors of the inputs just swept, each over its diagonal, [at least end − start, outputs]. */
  readonly errors: Matrix;
}

/**
 * Takes the errors of a sweep from all inputs after it: W[end…] −= U[start…end, end…]ᵀ · E.
 * @throws EngineError `cancelled`
 * @source Frantar & Alistarh 2023 (SparseGPT, arXiv 2301.00774), lazy batch updates
 */
export async function pushErrors(
  gemm: SolverGemm,
  { weight, upper, errors }: ErrorSweep,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const width = upper.columns - end;
  const part = zeros(end - start, width);
  for (let i = start; i < end; i++) {
    const from = i * upper.columns + end;
    part.data.set(upper.data.subarray(from, from + width), (i - start) * width);
  }
  const swept = rowsOf(errors, 0, end - start);
  await gemm.subtract(part, swept, rowsOf(weight, end, weight.rows), signal, { a: true });
}
