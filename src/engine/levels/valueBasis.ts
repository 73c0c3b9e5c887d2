import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import type { InputStatistics } from '../calibration/statistics.ts';
import type { Attention } from '../model/block.ts';
import { queryHeadsOf } from '../model/rows.ts';
import { choleskyInPlace } from '../numeric/cholesky.ts';
import { invertLower } from '../numeric/diagonalBlock.ts';
import { symmetricEigen } from '../numeric/eigen.ts';
import { gatherRows, subMatrix } from '../numeric/gather.ts';
import { type Matrix, matrixOf, zeros } from '../numeric/matrix.ts';
import { meanDiagonal } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';

/**
 * Damping of the second moments of a head's values, as a fraction of their mean diagonal: it bounds
 * how far the two factors of the basis scale their rows apart.
 */
const BASIS_DAMPING = 1e-3;

/** A block in another basis of its values. */
export interface RotatedBlock {
  readonly layer: LayerWeights;
  /** Σ z zᵀ of the inputs of o_proj in that basis, [A·D, A·D]. */
  readonly context: Matrix;
}

/**
 * A block whose value heads have another basis: v and o compute what they did, but the dimensions of
 * every key/value head are ordered by what they add to the residual stream, so that the first r of
 * them are the best r dimensions that linear maps of the head's values can have.
 *
 * For a key/value head with values v, second moment C = L·Lᵀ of what its query heads read of them and
 * the output maps Oₕ of its query heads, the basis is B = Vᵀ·L⁻¹ with the eigenvectors V of
 * Lᵀ·(Σ Oₕᵀ·Oₕ)·L: v becomes B·v, Oₕ becomes Oₕ·B⁻¹. What is lost by leaving dimensions out is, to the
 * extent that the query heads share C, the sum of their eigenvalues.
 * @param context  of the input of o_proj, dense; read only
 * @source Lin et al. 2024, MoDeGPT (arXiv 2408.09632), value-output compression
 */
export async function rotateValues(
  layer: LayerWeights,
  context: InputStatistics,
  solver: Solver,
  signal?: AbortSignal,
): Promise<RotatedBlock> {
  const { attention, hidden } = layer.block;
  const [v, o] = [copyOf(layer.v), { ...layer.o, weight: layer.o.weight.slice() }];
  const gram = matrixOf(context.gram.slice(), context.width, context.width);
  const bases: Matrix[] = [];
  for (let head = 0; head < attention.kvHeads; head++) {
    const problem = { attention, head, o: layer.o, context };
    const { basis, inverse } = await basisOf(problem, solver, signal);
    await transformRows(v.weight, hidden, head, basis, solver);
    if (v.bias !== null) await transformRows(v.bias, 1, head, basis, solver);
    for (const query of queryHeadsOf(attention, head)) {
      // The rows of o are its inputs, so O·B⁻¹ is B⁻ᵀ in front of them.
      await transformRows(o.weight, hidden, query, inverse, solver);
      bases[query] = basis;
    }
  }
  for (const side of ['rows', 'columns'] as const) {
    if (side === 'columns') transpose(gram);
    for (const [query, basis] of bases.entries()) {
      await transformRows(gram.data, gram.columns, query, basis, solver);
    }
  }
  return { layer: { ...layer, v, o }, context: gram };
}

/** Multiplies the rows of a head by a matrix from the left, in place. */
async function transformRows(
  data: Float32Array | Float64Array,
  columns: number,
  head: number,
  by: Matrix,
  solver: Solver,
): Promise<void> {
  const own = data.subarray(head * by.rows * columns, (head + 1) * by.rows * columns);
  const old = matrixOf(Float64Array.from(own), by.rows, columns);
  own.set((await solver.multiply(by, old)).data);
}

/** Transposes a square matrix in place. */
function transpose({ data, rows }: Matrix): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      const [a, b] = [i * rows + j, j * rows + i];
      [data[a], data[b]] = [data[b]!, data[a]!];
    }
  }
}

/** Where a basis is made. */
interface BasisProblem {
  readonly attention: Attention;
  /** Key/value head. */
  readonly head: number;
  readonly o: Linear;
  readonly context: InputStatistics;
}

/** B and B⁻ᵀ of a key/value head, [D, D]. */
async function basisOf(
  { attention, head, o, context }: BasisProblem,
  solver: Solver,
  signal?: AbortSignal,
): Promise<{ readonly basis: Matrix; readonly inverse: Matrix }> {
  const size = attention.headDim;
  const hidden = o.weight.length / context.width;
  const gram = matrixOf(context.gram, context.width, context.width);
  const moment = zeros(size, size);
  const output = zeros(size, size);
  for (const query of queryHeadsOf(attention, head)) {
    const dims = Uint32Array.from({ length: size }, (_, dim) => query * size + dim);
    addTo(moment, subMatrix(gram, dims, dims));
    const rows = gatherRows(o.weight, hidden, dims);
    addTo(output, await solver.multiply(rows, rows, signal, { b: true }));
  }
  const lower = lowerFactor(moment);
  // Lᵀ·(Σ Oᵀ·O)·L, whose eigenvectors are the basis in whitened coordinates.
  const half = await solver.multiply(output, lower, signal);
  const { vectors } = symmetricEigen(await solver.multiply(lower, half, signal, { a: true }));
  const inverse = await solver.multiply(vectors, lower, signal, { b: true });
  const whitened = matrixOf(invertLower(lower.data, size), size, size);
  return { basis: await solver.multiply(vectors, whitened, signal), inverse };
}

/** The lower factor of a damped second moment, with zeros above its diagonal. */
function lowerFactor(moment: Matrix): Matrix {
  const size = moment.rows;
  const { data } = moment;
  const damping = BASIS_DAMPING * meanDiagonal(moment) || 1;
  for (let i = 0; i < size; i++) data[i * size + i]! += damping;
  choleskyInPlace(data, size);
  for (let i = 0; i < size; i++) data.fill(0, i * size + i + 1, (i + 1) * size);
  return moment;
}

function addTo(sum: Matrix, part: Matrix): void {
  part.data.forEach((value, i) => {
    sum.data[i]! += value;
  });
}

function copyOf({ weight, bias }: Linear): Linear {
  return { weight: weight.slice(), bias: bias === null ? null : bias.slice() };
}
