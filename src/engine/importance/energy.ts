import type { InputStatistics, LayerStatistics } from '../calibration/statistics.ts';
import { qkUnitCount } from '../model/block.ts';
import { unitDims } from '../model/rows.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { matrixOf } from '../numeric/matrix.ts';
import { diagonalOf } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';
import type { LayerScores } from '../model/subnet.ts';
import { ones, products, squaredRowSums } from './rowSums.ts';
import { groupSum } from './unitScores.ts';

/**
 * Scores each unit by the energy of what its removal takes away.
 *
 * A neuron or value dimension adds `z_j · w_j` to the residual stream, of mean energy
 * `E[z_j²]·‖w_j‖²`. A query/key unit adds `q_u · k_u` to the attention logits; its energy is taken as
 * `Σ over the group's query heads of E[‖q_u‖²]·E[‖k_u‖²]`, both halves of a rotary pair together,
 * since a rotation keeps their norm. Each kind is divided by its total in the block, so that tied
 * masks add comparable numbers.
 *
 * Deviation: not in the paper. Equation 1 sums errors of single weights and looks at q and k apart;
 * on a 135M Llama at a ratio of 0.7 its masks have sixty times the perplexity of these
 * (docs/METHOD.md).
 * @source METHODS section 5, item 6; section 4.2 for the output energy (FLAP's, without centring)
 */
export async function energyScores(
  weights: LayerWeights,
  statistics: LayerStatistics,
  solver: Solver,
  signal?: AbortSignal,
): Promise<LayerScores> {
  const input = statistics.attentionInput;
  const q = await outputEnergies(weights.q, input, solver, signal);
  const k = await outputEnergies(weights.k, input, solver, signal);
  const o = removedEnergies(weights.o, statistics.context);
  const { attention } = weights.block;
  const heads = Array.from({ length: attention.kvHeads }, (_, head) => head);
  const units = qkUnitCount(attention);
  const qk = heads.map((head) =>
    Float64Array.from({ length: units }, (_, unit) => {
      const dims = unitDims(attention, Uint32Array.of(unit));
      const queries = dims.reduce((sum, dim) => sum + groupSum(q, attention, head, dim), 0);
      const keys = dims.reduce((sum, dim) => sum + k[head * attention.headDim + dim]!, 0);
      return queries * keys;
    }),
  );
  const vo = heads.map((head) =>
    Float64Array.from({ length: attention.headDim }, (_, dim) => groupSum(o, attention, head, dim)),
  );
  const mlp = removedEnergies(weights.down, statistics.hidden);
  return { qk: shares(qk), vo: shares(vo), mlp: shares([mlp])[0]! };
}

/** E[y²] of every output feature y = w·x + b, [rows]. */
async function outputEnergies(
  { weight, bias }: Linear,
  { gram, sum, width, tokens }: InputStatistics,
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const rows = matrixOf(Float64Array.from(weight), weight.length / width, width);
  const moved = await solver.multiply(rows, matrixOf(gram, width, width), signal);
  return Float64Array.from({ length: rows.rows }, (_, row) => {
    let [energy, mean] = [0, 0];
    for (let c = 0; c < width; c++) {
      const w = rows.data[row * width + c]!;
      energy += w * moved.data[row * width + c]!;
      mean += w * sum[c]!;
    }
    const b = bias?.[row] ?? 0;
    return Math.max(0, energy / tokens + (2 * b * mean) / tokens + b * b);
  });
}

/** E[z_j²]·‖w_j‖² of every input feature of o or down, [n]. */
function removedEnergies({ weight }: Linear, inputs: InputStatistics): Float64Array {
  const { gram, width, tokens } = inputs;
  const norms = squaredRowSums(weight, ones(weight.length / width));
  const energies = diagonalOf(matrixOf(gram, width, width)).map((energy) => energy / tokens);
  return products(norms, energies);
}

/** Scores as shares of their total; all zero where nothing moves. */
function shares(scores: readonly Float64Array[]): Float64Array[] {
  const total = scores.reduce((sum, part) => sum + part.reduce((a, b) => a + b, 0), 0);
  return scores.map((part) => (total > 0 ? part.map((score) => score / total) : part));
}
