import { EngineError } from '../../protocol/errors.ts';
import { copyOf, type Matrix, zeros } from '../numeric/matrix.ts';
import { innerProduct, meanDiagonal } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';

/** A linear map whose zeros are chosen, and what its other weights should achieve. */
export interface SupportProblem {
  /** Names the map in an error, e.g. `block 3, down_proj`. */
  readonly what: string;
  /** Σ z zᵀ of the inputs, [n, n] */
  readonly gram: Matrix;
  /** Σ z tᵀ of inputs and target, [n, outputs]; null when the target is what W gives, z·W. */
  readonly cross: Matrix | null;
  /** Σ‖t‖², with `cross`; otherwise it follows from W. */
  readonly targetEnergy: number;
  /** W, the weights before pruning, [n, outputs]. */
  readonly weight: Matrix;
  /** 1 where a weight may be other than zero, [n · outputs]. */
  readonly flags: Uint8Array;
  /** Where to begin, zero off the support, [n, outputs]; null for W on the support. */
  readonly start: Matrix | null;
}

/** How the refit is damped and when it ends. */
export interface SupportOptions {
  /** λ as a fraction of the mean Gram diagonal; the ridge pulls towards W. */
  readonly damping: number;
  readonly iterations: number;
  /** Ends when a step takes less than this share off what is left. */
  readonly tolerance: number;
}

/**
 * Settings that suit every layer we measured: half the time of a tolerance of 0.001, and the same
 * perplexity to four digits.
 */
export const SUPPORT_DEFAULTS: SupportOptions = {
  damping: 0.01,
  iterations: 30,
  tolerance: 0.01,
};

/** Refitted weights and what they changed. */
export interface SupportFit {
  /** [n, outputs], zero off the support */
  readonly weight: Matrix;
  /** Σ‖t − z·W‖² with W cut to the support. */
  readonly errorBefore: number;
  /** The same with the refitted weights; never above `errorBefore`. */
  readonly errorAfter: number;
  /** Σ‖t‖² */
  readonly targetEnergy: number;
  readonly steps: number;
}

/**
 * The best weights on a fixed support: the minimum of Σ‖t − z·X‖² + λ‖X − W‖² over X that are zero
 * off the support, by projected conjugate gradients with a diagonal preconditioner.
 *
 * Every output is a problem of its own with its own step lengths; their products with the Gram
 * matrix are one float64 product per step. An output whose undamped error would grow keeps its old
 * weights, so no output ever gets worse.
 *
 * Memory: 6 matrices of the map's size in float64 beside the Gram matrix.
 * @throws EngineError `numeric` when the moments are not finite, `cancelled`
 * @source Meng et al. 2024 (ALPS), section on a fixed support; METHODS sections 3.2 and 3.4(1)
 */
export async function refitOnSupport(
  problem: SupportProblem,
  options: SupportOptions,
  solver: Solver,
  signal?: AbortSignal,
): Promise<SupportFit> {
  const { gram, weight, flags } = problem;
  const ridge = options.damping * meanDiagonal(gram);
  const unchanged = onSupport(weight, flags);
  const goal = problem.cross ?? (await solver.multiply(gram, weight, signal));
  const before = await outputErrors(gram, goal, unchanged, solver, signal);
  const x = problem.start === null ? copyOf(unchanged) : copyOf(problem.start);
  const preconditioner = inverseDiagonal(gram, ridge);
  const residual = await firstResidual({ ...problem, goal, ridge, x }, solver, signal);
  const state = { x, residual, direction: zeros(x.rows, x.columns), preconditioner, flags, ridge };
  const steps = await descend(state, gram, options, solver, signal);
  const after = await outputErrors(gram, goal, x, solver, signal);
  keepBetter(x, unchanged, before, after);
  const energy = problem.cross === null ? innerProduct(weight, goal) : problem.targetEnergy;
  const [errorBefore, errorAfter] = [energy + total(before), energy + total(after)];
  if (!Number.isFinite(errorBefore) || !Number.isFinite(errorAfter)) throw notFinite(problem.what);
  return { weight: x, errorBefore, errorAfter, targetEnergy: energy, steps };
}

interface State {
  readonly x: Matrix;
  readonly residual: Matrix;
  readonly direction: Matrix;
  /** 1 / (G_ii + λ), [n] */
  readonly preconditioner: Float64Array;
  readonly flags: Uint8Array;
  readonly ridge: number;
}

async function descend(
  state: State,
  gram: Matrix,
  options: SupportOptions,
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<number> {
  let energies = turn(state, null);
  let gained = 0;
  for (let step = 1; step <= options.iterations; step++) {
    const product = await solver.multiply(gram, state.direction, signal);
    const gain = advance(state, product, energies);
    gained += gain;
    // Conjugate gradients gain less and less; a small share of all gained so far is the end.
    if (!(gain > options.tolerance * gained)) return step;
    energies = turn(state, energies);
  }
  return options.iterations;
}

/**
 * The next direction: the preconditioned residual plus the old direction's share.
 * @returns  residual energies ⟨r, M⁻¹r⟩ per output
 */
function turn(state: State, old: Float64Array | null): Float64Array {
  const { residual, direction, preconditioner } = state;
  const { rows, columns } = residual;
  const energies = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    const scale = preconditioner[i]!;
    const at = i * columns;
    for (let c = 0; c < columns; c++) energies[c]! += scale * residual.data[at + c]! ** 2;
  }
  const shares = energies.map((energy, c) => (old === null || old[c] === 0 ? 0 : energy / old[c]!));
  for (let i = 0; i < rows; i++) {
    const scale = preconditioner[i]!;
    const at = i * columns;
    for (let c = 0; c < columns; c++) {
      const next = scale * residual.data[at + c]! + shares[c]! * direction.data[at + c]!;
      direction.data[at + c] = next;
    }
  }
  return energies;
}

/**
 * One step along the direction.
 * @param product  G·direction; overwritten
 * @returns  what the step takes off the damped objective, all outputs together
 */
function advance(state: State, product: Matrix, energies: Float64Array): number {
  const { x, residual, direction, flags, ridge } = state;
  const { rows, columns } = x;
  const curvature = new Float64Array(columns);
  for (let i = 0; i < rows * columns; i += columns) {
    for (let c = 0; c < columns; c++) {
      const d = direction.data[i + c]!;
      const image = flags[i + c]! * (product.data[i + c]! + ridge * d);
      product.data[i + c] = image;
      curvature[c]! += d * image;
    }
  }
  const lengths = energies.map((energy, c) => (curvature[c]! > 0 ? energy / curvature[c]! : 0));
  for (let i = 0; i < rows * columns; i += columns) {
    for (let c = 0; c < columns; c++) {
      const length = lengths[c]!;
      x.data[i + c]! += length * direction.data[i + c]!;
      residual.data[i + c]! -= length * product.data[i + c]!;
    }
  }
  return energies.reduce((sum, energy, c) => sum + energy * lengths[c]!, 0);
}

/** (goal + λW) − (G + λI)·x on the support. */
async function firstResidual(
  from: SupportProblem & { readonly goal: Matrix; readonly ridge: number; readonly x: Matrix },
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<Matrix> {
  const { gram, goal, weight, flags, ridge, x } = from;
  const residual = copyOf(goal);
  await solver.subtractProduct(residual, gram, x, signal);
  for (let i = 0; i < flags.length; i++) {
    const pull = ridge * (weight.data[i]! - x.data[i]!);
    residual.data[i] = flags[i]! * (residual.data[i]! + pull);
  }
  return residual;
}

/** ⟨x, G·x⟩ − 2⟨x, goal⟩ per output: the squared error less the target's energy. */
async function outputErrors(
  gram: Matrix,
  goal: Matrix,
  x: Matrix,
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const image = await solver.multiply(gram, x, signal);
  const errors = new Float64Array(x.columns);
  for (let i = 0; i < x.data.length; i += x.columns) {
    for (let c = 0; c < x.columns; c++) {
      errors[c]! += x.data[i + c]! * (image.data[i + c]! - 2 * goal.data[i + c]!);
    }
  }
  return errors;
}

/** Gives outputs that got worse their old weights back. */
function keepBetter(x: Matrix, unchanged: Matrix, before: Float64Array, after: Float64Array): void {
  for (let c = 0; c < x.columns; c++) {
    if (after[c]! <= before[c]!) continue;
    after[c] = before[c]!;
    for (let i = c; i < x.data.length; i += x.columns) x.data[i] = unchanged.data[i]!;
  }
}

function onSupport(weight: Matrix, flags: Uint8Array): Matrix {
  return { ...weight, data: weight.data.map((value, i) => value * flags[i]!) };
}

function inverseDiagonal({ data, rows }: Matrix, ridge: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => {
    const pivot = data[i * rows + i]! + ridge;
    return pivot > 0 ? 1 / pivot : 0;
  });
}

function total(errors: Float64Array): number {
  return errors.reduce((sum, error) => sum + error, 0);
}

function notFinite(what: string): EngineError {
  return new EngineError('numeric', {
    what,
    expected: 'finite numbers from the reform of its sparse weights',
    found: 'NaN or infinity',
    action: 'Check the model and the calibration text: the activations overflow.',
    sentence: `The sparse weights of ${what} cannot be reformed: the result holds NaN or infinity.`,
  });
}
