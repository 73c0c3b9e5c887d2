import {
  type Attention,
  type Block,
  blocksOf,
  finalNormOf,
  type LinearMap,
  type Mlp,
  type Norm,
  queriesPerKey,
  type SublayerKind,
} from './block.ts';
import { embeddingWidthOf, type ModelShape } from './modelShape.ts';
import { denseMask, type HeadMask, isPresent, type LayerMask, type Subnet } from './subnet.ts';
import { qkRunsOf, unitsInRun } from './unitRuns.ts';

/** Parameters that each prunable unit of a block carries, and what a sublayer costs besides. */
export interface UnitCosts {
  /** One rotary pair of one key/value head. */
  readonly pair: number;
  /** One query/key dimension that is not rotated, of one key/value head. */
  readonly single: number;
  /** All query/key dimensions of one key/value head. */
  readonly head: number;
  /** One value dimension of one key/value head. */
  readonly vo: number;
  /** One MLP neuron. */
  readonly mlp: number;
  /** The output bias of a present attention sublayer; 0 without one. */
  readonly attentionFixed: number;
  /** The output bias of a present MLP; 0 without one. */
  readonly mlpFixed: number;
}

/** Parameter counts of a subnet beside those of its dense model. */
export interface ParameterCount {
  /** Prunable parameters kept in the blocks: weights and biases, norm gains excluded. */
  readonly block: number;
  /** Everything kept: blocks, norms of the sublayers present, embeddings, positions, head. */
  readonly total: number;
  readonly denseBlock: number;
  readonly denseTotal: number;
}

/**
 * What keeping one unit of each kind costs, in parameters.
 *
 * With g query heads per key/value head: a rotary pair is 2 key rows and 2g query rows; a dimension
 * that is not rotated half of that. A v/o unit is 1 value row and g o_proj columns. A neuron is its
 * up (and gate) row and its down column. Biases go with their rows.
 * @source METHODS section 2
 */
export function unitCosts({ attention, mlp }: Block): UnitCosts {
  const group = queriesPerKey(attention);
  const { q, k, v, o } = attention.maps;
  const { gate, up, down } = mlp.maps;
  const single = rowCost(k) + group * rowCost(q);
  return {
    pair: 2 * single,
    single,
    head: attention.headDim * single,
    vo: rowCost(v) + group * o.outputs,
    mlp: (gate === null ? 0 : rowCost(gate)) + rowCost(up) + down.outputs,
    attentionFixed: o.bias ? o.outputs : 0,
    mlpFixed: down.bias ? down.outputs : 0,
  };
}

/** Prunable parameters of one sublayer under a mask. */
export function sublayerParameters(block: Block, kind: SublayerKind, mask: LayerMask): number {
  if (!isPresent(kind, mask)) return 0;
  const costs = unitCosts(block);
  if (kind === 'mlp') return costs.mlpFixed + costs.mlp * mask.mlp.length;
  return mask.heads.reduce((sum, head) => sum + headParameters(block, head), costs.attentionFixed);
}

/** Prunable parameters of what a mask keeps of one key/value head with its query heads. */
export function headParameters(block: Block, { qk, vo }: HeadMask): number {
  const costs = unitCosts(block);
  return qkRunsOf(block.attention).reduce(
    (sum, run) => sum + costs[run.kind] * unitsInRun(run, qk).length,
    costs.vo * vo.length,
  );
}

/** Prunable parameters of one block under a mask. */
export function blockParameters(block: Block, mask: LayerMask): number {
  return sublayerParameters(block, 'attention', mask) + sublayerParameters(block, 'mlp', mask);
}

/** Prunable parameters of all that a block has of a sublayer. */
export function denseParameters(block: Block, kind: SublayerKind): number {
  return sublayerParameters(block, kind, denseMask(block));
}

/**
 * Parameters of the norms of a sublayer.
 * @param present  false: of what stays when the sublayer is removed
 */
export function sublayerNorms(
  block: Block,
  kind: SublayerKind,
  present = isPresent(kind, denseMask(block)),
): number {
  const { norms }: Attention | Mlp = block[kind];
  const behind = normParameters(norms.behind, block.hidden);
  if (!present) return behind;
  const around =
    normParameters(norms.before, block.hidden) + normParameters(norms.after, block.hidden);
  const { qkNorm, headDim } = block.attention;
  const heads = kind === 'attention' ? 2 * normParameters(qkNorm, headDim) : 0;
  return around + behind + heads;
}

/** Parameters of a norm. */
export function normParameters(norm: Pick<Norm, 'kind'> | null, width: number): number {
  return norm === null ? 0 : norm.kind === 'layer' ? 2 * width : width;
}

/**
 * Exact parameter counts of a legal subnet.
 *
 * A tied output head is counted once. Norms in front of a removed sublayer do nothing and are not
 * counted; those behind it stay.
 * @source METHODS section 6.1
 */
export function countParameters(shape: ModelShape, subnet: Subnet): ParameterCount {
  const outside = parametersOutsideBlocks(shape);
  const count = { block: 0, total: outside, denseBlock: 0, denseTotal: outside };
  for (const [l, block] of blocksOf(shape).entries()) {
    const mask = subnet.layers[l];
    for (const kind of ['attention', 'mlp'] as const) {
      const dense = denseParameters(block, kind);
      count.denseBlock += dense;
      count.denseTotal += dense + sublayerNorms(block, kind);
      if (mask === undefined) continue;
      const kept = sublayerParameters(block, kind, mask);
      count.block += kept;
      count.total += kept + sublayerNorms(block, kind, isPresent(kind, mask));
    }
  }
  return count;
}

/**
 * The budget, in block parameters, that keeps a fraction of the prunable parameters.
 * @param kept  fraction kept, 0 to 1
 */
export function blockBudget(shape: ModelShape, kept: number): number {
  const { denseBlock } = countParameters(shape, { layers: [] });
  // The thousandth absorbs rounding such as 0.7 · 10 = 6.999…; a true fraction is never that close.
  return Math.floor(kept * denseBlock + 1e-3);
}

/** Parameters of the embedding table, which a tied head shares. */
export function tableParameters(shape: ModelShape): number {
  return shape.vocab * embeddingWidthOf(shape);
}

/** Parameters of the maps between the embedding table and the stream, and back; 0 without them. */
export function projectionParameters({ embeddingWidth = 0, hidden }: ModelShape): number {
  return 2 * embeddingWidth * hidden;
}

/** Parameters of a learned position table; 0 without one. */
export function positionParameters({ positions, maxPositions, hidden }: ModelShape): number {
  return positions.kind === 'learned' ? (maxPositions + positions.offset) * hidden : 0;
}

function parametersOutsideBlocks(shape: ModelShape): number {
  const tables = shape.tiedEmbeddings ? 1 : 2;
  return (
    tables * tableParameters(shape) +
    projectionParameters(shape) +
    positionParameters(shape) +
    normParameters(finalNormOf(shape), shape.hidden)
  );
}

/** Parameters of one output feature of a map, its bias included. */
function rowCost({ inputs, bias }: LinearMap): number {
  return inputs + (bias ? 1 : 0);
}
