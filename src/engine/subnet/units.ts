import { groupSize, qkUnitsPerHead, type ModelShape } from '../model/modelShape.ts';

/** Parameters that each prunable unit of one block carries, and what a sublayer costs besides. */
export interface UnitCosts {
  /** One query/key unit of one key/value head. */
  readonly qk: number;
  /** One value dimension of one key/value head. */
  readonly vo: number;
  /** One MLP neuron. */
  readonly mlp: number;
  /** The output bias of a present attention sublayer; 0 without one. */
  readonly attentionFixed: number;
  /** The output bias of a present MLP; 0 without one. */
  readonly mlpFixed: number;
}

/**
 * What keeping one unit of each kind costs, in parameters.
 *
 * With g query heads per key/value head: a q/k unit under RoPE is one frequency pair, 2 key rows
 * and 2g query rows of H; without RoPE half of that. A v/o unit is 1 value row and g o_proj
 * columns. A neuron is its up (and gate) row and its down column. Biases go with their rows.
 * @source METHODS section 2
 */
export function unitCosts(shape: ModelShape): UnitCosts {
  const group = groupSize(shape);
  const rowWidth = shape.hidden + (shape.bias.qkv ? 1 : 0);
  const rowsPerQkUnit = shape.headDim / qkUnitsPerHead(shape);
  const inputRows = shape.mlp.gated ? 2 : 1;
  return {
    qk: rowsPerQkUnit * (1 + group) * rowWidth,
    vo: rowWidth + group * shape.hidden,
    mlp: inputRows * (shape.hidden + (shape.bias.mlp ? 1 : 0)) + shape.hidden,
    attentionFixed: shape.bias.output ? shape.hidden : 0,
    mlpFixed: shape.bias.mlp ? shape.hidden : 0,
  };
}

/**
 * Value dimensions that go with tied unit i of a head: i itself, and i + D/2 under RoPE.
 * @returns how many value dimensions one tied unit holds; the j-th is i + j · (q/k units)
 */
export function valueDimsPerTiedUnit(shape: ModelShape): number {
  return shape.headDim / qkUnitsPerHead(shape);
}
