import { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { inputAxis, rowsOfMap } from './linearMaps.ts';
import type { LinearName } from '../model/block.ts';
import { nmMask } from './nmMask.ts';
import type { Pattern, Remainder } from './pattern.ts';
import type { Axis, ScoredWeight } from './scoredWeight.ts';
import { type Group, selectMask } from './selectMask.ts';
import { channelNorms, type SublayerStatistics } from './sublayerStatistics.ts';
import type { WeightMask } from './weightMask.ts';

/** Scores that look at each weight once. */
export type ScoreRule = 'magnitude' | 'wanda' | 'dass' | 'sensitivity';

/** A map to be scored. */
export interface MapToScore {
  /** Names the block in an error, e.g. `block 3`. */
  readonly block: string;
  readonly name: LinearName;
  readonly layer: LayerWeights;
  readonly shape: ModelShape;
  /** Of the map's sublayer; `magnitude` reads none of them. */
  readonly statistics: SublayerStatistics | null;
}

/** A scored map, with what competes with what. */
export interface ScoredMap {
  readonly scored: ScoredWeight;
  /** Along which an N:M pattern compares. */
  readonly axis: Axis;
  /** In which an unstructured pattern compares. */
  readonly group: Group;
}

/**
 * Scores of one linear map, and the groups in which its weights compete.
 *
 * - `magnitude`: |W|; N:M along the inputs, unstructured over the whole matrix.
 * - `wanda`: |W|·‖x‖ along the inputs, each output by itself.
 * - `dass`: gate and up |W|·‖h‖^alpha along their OUTPUTS, each input by itself, where h is the input
 *   of down at the same neuron; every other map as `wanda`. Among competitors ‖x‖ is the same.
 * - `sensitivity`: as `dass` with the neuron's true first-order effect on the block's output in
 *   place of ‖h‖, √(E[act(g)²]·‖down‖²) for up and √(E[(u·act′(g))²]·‖down‖²) for gate.
 *
 * Deviation: the published DaSS prunes no attention; there q, k, v and o are scored as `wanda`.
 * Deviation: the published code takes ‖h‖ as a mean over sequences; over equal windows this is a
 * common factor and changes no mask.
 * @param alpha  exponent of the neuron's factor; 0.5 as published
 * @throws EngineError `config` when the model has no gated MLP and the rule needs one
 * @source Guo et al. 2025 (arXiv 2405.01943); METHODS sections 3.1, 3.2 and 3.4(2)
 */
export function scoreMap(map: MapToScore, rule: ScoreRule, alpha: number): ScoredMap {
  const { name, layer, shape, statistics } = map;
  const linear = layer[name]!;
  const base = {
    what: `${map.block}, ${name}_proj`,
    weight: linear.weight,
    rows: rowsOfMap(linear, shape),
    columns: shape.hidden,
    ...{ rowFactor: null, columnFactor: null },
  };
  const axis = comparedAxis(name, rule);
  if (rule === 'magnitude') return { scored: base, axis, group: 'matrix' };
  const known = statistics!;
  if ((name === 'gate' || name === 'up') && rule !== 'wanda') {
    const rowFactor = neuronFactor(map, known, rule, alpha);
    return { scored: { ...base, rowFactor }, axis, group: 'column' };
  }
  // Each output by itself: a row of the stored weight, or a column where outputs are columns.
  return axis === 'rows'
    ? { scored: { ...base, rowFactor: norms(known, 'inner') }, axis, group: 'column' }
    : { scored: { ...base, columnFactor: norms(known, 'normed') }, axis, group: 'row' };
}

/** The dimension of a stored weight along which an N:M pattern compares under a rule. */
export function comparedAxis(name: LinearName, rule: ScoreRule | 'sparsegpt'): Axis {
  const followsNeuron = rule === 'dass' || rule === 'sensitivity';
  return followsNeuron && (name === 'gate' || name === 'up') ? 'rows' : inputAxis(name);
}

/**
 * The mask that a pattern makes of scores.
 * @throws EngineError `config` when the pattern does not fit the weight, `numeric` for scores that
 *   are not finite
 */
export function maskOf(
  { scored, axis, group }: ScoredMap,
  pattern: Pattern,
  remainder: Remainder = 'refused',
): WeightMask {
  return pattern.kind === 'nm'
    ? nmMask(scored, pattern, axis, remainder)
    : selectMask(scored, pattern, group);
}

/**
 * Refuses rules that follow the gate of an MLP where there is none.
 * @throws EngineError `config`
 */
export function assertScorable(shape: ModelShape, rule: ScoreRule): void {
  if (shape.mlp.gated || (rule !== 'dass' && rule !== 'sensitivity')) return;
  throw new EngineError('config', {
    what: `Sparsity method "${rule}"`,
    expected: 'a model whose MLP has a gate (gate, up and down)',
    found: `"${shape.family}", whose MLP has two maps`,
    action: 'Use "wanda" or "sparsegpt" for this model.',
    sentence: `The sparsity method "${rule}" needs an MLP with a gate; the MLP of a ${shape.family} model has none.`,
  });
}

function neuronFactor(
  { name, layer, shape }: MapToScore,
  statistics: SublayerStatistics,
  rule: 'dass' | 'sensitivity',
  alpha: number,
): Float32Array {
  const { tokens, sensitivity } = statistics;
  if (rule === 'dass') return norms(statistics, 'inner').map((norm) => norm ** alpha);
  const effect = sensitivity![name === 'gate' ? 'gate' : 'up'];
  const { weight } = layer.down;
  return Float32Array.from(effect, (sum, row) => {
    let energy = 0;
    const end = (row + 1) * shape.hidden;
    for (let at = row * shape.hidden; at < end; at++) energy += weight[at]! ** 2;
    return Math.sqrt((sum / tokens) * energy) ** alpha;
  });
}

function norms(statistics: SublayerStatistics, input: 'normed' | 'inner'): Float32Array {
  return channelNorms(statistics[input], statistics.tokens);
}
