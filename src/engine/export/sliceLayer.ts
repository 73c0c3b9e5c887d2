import { groupSize, type ModelShape } from '../checkpoint/modelShape.ts';
import type { LayerWeights, Linear, NormWeights } from '../checkpoint/modelWeights.ts';
import { gatherRows } from '../graphs/keptRows.ts';
import type { LayerMask } from '../subnet/subnet.ts';

/** A key/value head that a block keeps, with its query heads. */
export interface SlicedHead {
  /** Its index in the dense block. */
  readonly index: number;
  /** Kept query/key units: RoPE pairs, or single dimensions without RoPE. */
  readonly qk: Uint32Array;
  /** Kept value dimensions. */
  readonly vo: Uint32Array;
  /** Rows of k (and of q per query head): two per pair under RoPE. */
  readonly qkDims: number;
  /** Rows of v (and of o per query head). */
  readonly voDims: number;
}

/** Rows of the dense weights that an attention sublayer keeps, head after head. */
export interface KeptAttentionRows {
  readonly q: Uint32Array;
  readonly k: Uint32Array;
  readonly v: Uint32Array;
  readonly o: Uint32Array;
}

/** An attention sublayer without what the mask removes. */
export interface SlicedAttention {
  readonly norm: NormWeights;
  readonly heads: readonly SlicedHead[];
  /** [Σ g·qkDims, H], prunable dimension first, as all four. */
  readonly q: Linear;
  /** [Σ qkDims, H] */
  readonly k: Linear;
  /** [Σ voDims, H] */
  readonly v: Linear;
  /** [Σ g·voDims, H], transposed; its bias is whole. */
  readonly o: Linear;
}

/** An MLP without what the mask removes. */
export interface SlicedMlp {
  readonly norm: NormWeights;
  readonly neurons: number;
  readonly gate: Linear | null;
  readonly up: Linear;
  /** [F, H], transposed; its bias is whole. */
  readonly down: Linear;
}

/** A block without what its mask removes; a removed sublayer is null. */
export interface SlicedLayer {
  readonly attention: SlicedAttention | null;
  readonly mlp: SlicedMlp | null;
}

/**
 * The exact weights of a block under a mask: kept rows only, no padding, heads of any sizes.
 *
 * Arrays whose rows are one run are views of the dense ones; nothing may be written to.
 * @param heads  order of the kept heads; by index when absent
 */
export function sliceLayer(
  shape: ModelShape,
  layer: LayerWeights,
  mask: LayerMask,
  heads: readonly SlicedHead[] = keptHeads(shape, mask),
): SlicedLayer {
  return {
    attention: heads.length === 0 ? null : sliceAttention(shape, layer, heads),
    mlp: mask.mlp.length === 0 ? null : sliceMlp(shape, layer, mask.mlp),
  };
}

/** The key/value heads a mask keeps, by index. */
export function keptHeads(shape: ModelShape, mask: LayerMask): SlicedHead[] {
  const dimsPerUnit = shape.positions.kind === 'rope' ? 2 : 1;
  return mask.heads
    .map(({ qk, vo }, index) => ({
      index,
      qk,
      vo,
      qkDims: dimsPerUnit * qk.length,
      voDims: vo.length,
    }))
    .filter(({ qkDims }) => qkDims > 0);
}

/**
 * Rows of q, k, v and o that kept heads take, head after head in the order given.
 *
 * Under RoPE a head's rows are first the lower halves of its pairs, then the upper ones, so that
 * "rotate half" works on the smaller head too.
 */
export function keptAttentionRows(
  shape: ModelShape,
  heads: readonly SlicedHead[],
): KeptAttentionRows {
  const rope = shape.positions.kind === 'rope';
  const { headDim } = shape;
  const group = groupSize(shape);
  const qkRows = (head: number, units: Uint32Array): number[] => {
    const lower = Array.from(units, (unit) => head * headDim + unit);
    return rope ? [...lower, ...lower.map((row) => row + headDim / 2)] : lower;
  };
  const voRows = (head: number, dims: Uint32Array): number[] =>
    Array.from(dims, (dim) => head * headDim + dim);
  const queries = (head: SlicedHead): number[] =>
    Array.from({ length: group }, (_, i) => head.index * group + i);
  return {
    q: Uint32Array.from(heads.flatMap((head) => queries(head).flatMap((i) => qkRows(i, head.qk)))),
    k: Uint32Array.from(heads.flatMap((head) => qkRows(head.index, head.qk))),
    v: Uint32Array.from(heads.flatMap((head) => voRows(head.index, head.vo))),
    o: Uint32Array.from(heads.flatMap((head) => queries(head).flatMap((i) => voRows(i, head.vo)))),
  };
}

/** Kept rows of a linear map whose rows are output features: the bias is sliced with them. */
export function sliceRows(linear: Linear, hidden: number, rows: Uint32Array): Linear {
  return {
    weight: gatherRows(linear.weight, hidden, rows),
    bias: linear.bias === null ? null : gatherRows(linear.bias, 1, rows),
  };
}

/** Kept rows of o or down, whose rows are input features: the bias stays whole. */
export function sliceInputs(linear: Linear, hidden: number, rows: Uint32Array): Linear {
  return { weight: gatherRows(linear.weight, hidden, rows), bias: linear.bias };
}

function sliceAttention(
  shape: ModelShape,
  layer: LayerWeights,
  heads: readonly SlicedHead[],
): SlicedAttention {
  const rows = keptAttentionRows(shape, heads);
  return {
    norm: layer.attentionNorm,
    heads,
    q: sliceRows(layer.q, shape.hidden, rows.q),
    k: sliceRows(layer.k, shape.hidden, rows.k),
    v: sliceRows(layer.v, shape.hidden, rows.v),
    o: sliceInputs(layer.o, shape.hidden, rows.o),
  };
}

function sliceMlp(shape: ModelShape, layer: LayerWeights, neurons: Uint32Array): SlicedMlp {
  const { hidden } = shape;
  return {
    norm: layer.mlpNorm,
    neurons: neurons.length,
    gate: layer.gate === null ? null : sliceRows(layer.gate, hidden, neurons),
    up: sliceRows(layer.up, hidden, neurons),
    down: sliceInputs(layer.down, hidden, neurons),
  };
}
