import { sliceLinear } from '../graphs/keptRows.ts';
import { emitCapped } from '../graphs/emit.ts';
import { type Attention, type Block, type LinearName, queriesPerKey } from '../model/block.ts';
import { rowsOf } from '../model/rows.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { Value } from '../onnx/graphBuilder.ts';
import type { LayerMask } from '../model/subnet.ts';
import { type DecoderContext, storedNorm } from './decoderContext.ts';
import { keptHeads, type SlicedHead } from './slicedHeads.ts';

/** Kept key/value heads of one block that one batched product serves. */
export interface HeadGroup {
  readonly heads: readonly SlicedHead[];
  /** Rotary pairs of each head; 0 where the block does not rotate. */
  readonly pairs: number;
  /** Width of each head; one that keeps less is filled up with zeros when the model is loaded. */
  readonly qkDims: number;
  readonly voDims: number;
}

/**
 * Most zeros, as a share of what heads keep, that are worth one product instead of several: a node
 * costs microseconds whatever its size.
 */
const MOST_PADDING = 0.3;

/**
 * The kept heads of a block as one group where their sizes are close, else by equal sizes, larger
 * ones first.
 *
 * Heads may stand in any order as long as q, k, v and the rows of o agree on it, so the export
 * stores them in the order of these groups.
 */
export function headGroups(block: Block, mask: LayerMask): HeadGroup[] {
  const heads = keptHeads(block, mask);
  if (heads.length === 0) return [];
  const whole = groupOf(block, heads);
  const kept = heads.reduce((sum, { qkDims, voDims }) => sum + qkDims + voDims, 0);
  if (heads.length * (whole.qkDims + whole.voDims) <= (1 + MOST_PADDING) * kept) return [whole];
  const groups = new Map<string, SlicedHead[]>();
  for (const head of heads) {
    const key = `${head.pairs.length}:${head.singles}:${head.voDims}`;
    groups.set(key, [...(groups.get(key) ?? []), head]);
  }
  return [...groups.values()]
    .map((of) => groupOf(block, of))
    .sort((a, b) => b.qkDims - a.qkDims || b.voDims - a.voDims);
}

/**
 * A head that rotates is two halves, as in a forward pass: the pairs, and behind them what is not
 * rotated, one half of it in each, which turns by zero.
 */
function groupOf({ attention }: Block, heads: readonly SlicedHead[]): HeadGroup {
  const most = (size: (head: SlicedHead) => number): number => Math.max(...heads.map(size));
  const [pairs, singles] = [most((head) => head.pairs.length), most((head) => head.singles)];
  const half = pairs + Math.ceil(singles / 2);
  const qkDims = attention.rotary === null ? singles : 2 * half;
  return { heads, pairs, qkDims, voDims: most(({ voDims }) => voDims) };
}

/** Kept key/value heads in the order of their groups, in which the export stores them. */
export function headOrder(groups: readonly HeadGroup[]): number[] {
  return groups.flatMap(({ heads }) => heads.map(({ index }) => index));
}

/**
 * Where the stored rows of a map go when every head of a group is as wide as the group and what is
 * not rotated lies in both halves.
 * @returns  stored row of every padded row, −1 for zeros; null when all stay where they are
 */
export function spreadOf(
  { attention }: Block,
  groups: readonly HeadGroup[],
  map: 'q' | 'k' | 'v' | 'o',
): readonly number[] | null {
  const copies = map === 'q' || map === 'o' ? queriesPerKey(attention) : 1;
  const spread: number[] = [];
  let stored = 0;
  for (const group of groups) {
    for (const head of group.heads) {
      const runs =
        map === 'q' || map === 'k' ? queryKeyRuns(attention, group, head) : valueRuns(group, head);
      const own = map === 'q' || map === 'k' ? head.qkDims : head.voDims;
      for (let copy = 0; copy < copies; copy++, stored += own) {
        for (const { from, count, width } of runs) {
          for (let i = 0; i < width; i++) spread.push(i < count ? stored + from + i : -1);
        }
      }
    }
  }
  return spread.every((row, i) => row === i) ? null : spread;
}

/** Neighbouring rows of a stored head, and how many there are of them in a padded one. */
interface RowRun {
  readonly from: number;
  readonly count: number;
  readonly width: number;
}

/** Stored are the lower halves of the pairs, their upper halves, and what is not rotated. */
function queryKeyRuns({ rotary }: Attention, group: HeadGroup, head: SlicedHead): RowRun[] {
  if (rotary === null) return [{ from: 0, count: head.qkDims, width: group.qkDims }];
  const { singles } = head;
  const own = head.pairs.length;
  const room = group.qkDims / 2 - group.pairs;
  const first = Math.min(singles, room);
  return [
    { from: 0, count: own, width: group.pairs },
    { from: 2 * own, count: first, width: room },
    { from: own, count: own, width: group.pairs },
    { from: 2 * own + first, count: singles - first, width: room },
  ];
}

function valueRuns(group: HeadGroup, head: SlicedHead): RowRun[] {
  return [{ from: 0, count: head.voDims, width: group.voDims }];
}

/** Widths of a block's cache: ΣqkDims for keys, ΣvoDims for values. */
export function cacheWidths(groups: readonly HeadGroup[]): { key: number; value: number } {
  const sum = (size: (group: HeadGroup) => number): number =>
    groups.reduce((total, group) => total + group.heads.length * size(group), 0);
  return { key: sum(({ qkDims }) => qkDims), value: sum(({ voDims }) => voDims) };
}

/**
 * Emits `x + after(o(attention(norm x)))` with the block's cache.
 *
 * The softmax scale stays 1/√D of the original head width (METHODS section 2). Keys are cached
 * after rotation.
 * @param x  [N, H], N = B·T
 * @returns  [N, H]
 */
export function emitAttention(
  context: DecoderContext,
  index: number,
  layer: LayerWeights,
  { mask, groups }: { readonly mask: LayerMask; readonly groups: readonly HeadGroup[] },
  x: Value,
): Value {
  const { graph, shape } = context;
  const { block } = layer;
  const { attention } = block;
  const order = headOrder(groups);
  const rows = (map: LinearName): Uint32Array => rowsOf(block, map, mask, order);
  const group = queriesPerKey(attention);
  const normed = context.blockNorm('attentionNorm', index, layer, x);
  const project = (slot: 'q' | 'k' | 'v'): Value => {
    const kept = rows(slot);
    return context.projection(
      slot,
      index,
      kept.length,
      normed,
      (from) => sliceLinear(slot, from[slot], shape.hidden, kept),
      spreadOf(block, groups, slot),
    );
  };
  const projected = (slot: 'q' | 'k'): Value => {
    const norm = storedNorm(attention.qkNorm, layer[`${slot}Norm`]);
    if (norm === null) return project(slot);
    const single = graph.op('Reshape', [project(slot), graph.ints([-1, attention.headDim])]);
    const scaled = context.norm(`${slot}Norm`, index, norm, single);
    return graph.op('Reshape', [scaled, graph.ints([-1, rows(slot).length])]);
  };
  const scaled = graph.op('Mul', [projected('q'), graph.floats(attention.scale)]);
  const cached = emitCache(context, layer.block, { index, groups }, projected('k'), project('v'));
  const queries = split(context, `layer${index}_q`, scaled, 1, groups, (g) => group * g.qkDims);
  const parts = groups.map((g, i) =>
    emitGroup(context, attention, g, queries[i]!, cached.keys[i]!, cached.values[i]!),
  );
  const merged = parts.length === 1 ? parts[0]! : graph.op('Concat', parts, { axis: 1n });
  return context.residual(
    'o',
    index,
    rows('o').length,
    x,
    merged,
    (from) => sliceLinear('o', from.o, shape.hidden, rows('o')),
    spreadOf(block, groups, 'o'),
    storedNorm(attention.norms.after, layer.attentionAfterNorm),
  );
}

/** Appends this step's keys and values to the cache, and splits the whole by groups. */
function emitCache(
  context: DecoderContext,
  { attention }: Block,
  { index, groups }: { readonly index: number; readonly groups: readonly HeadGroup[] },
  k: Value,
  v: Value,
): { readonly keys: readonly Value[]; readonly values: readonly Value[] } {
  const { graph } = context;
  const widths = cacheWidths(groups);
  const fresh = split(context, `layer${index}_k`, k, 1, groups, (g) => g.qkDims).map((part, i) => {
    const g = groups[i]!;
    const rotated = rotate(context, attention, g, part, g.qkDims);
    return graph.op('Reshape', [rotated, context.dims(g.heads.length * g.qkDims)]);
  });
  const newKeys = fresh.length === 1 ? fresh[0]! : graph.op('Concat', fresh, { axis: 2n });
  const newValues = graph.op('Reshape', [v, context.dims(widths.value)]);
  const append = (kind: 'key' | 'value', added: Value): Value => {
    const past = context.past(index, kind, widths[kind]);
    const all = graph.op('Concat', [past, added], { axis: 1n });
    const name = `present_${index}_${kind}`;
    graph.output(name, all, 'float32', ['batch', 'total', widths[kind]]);
    // Reading on from the output's name leaves its Identity the only reader of the Concat, so that
    // the runtime can drop it instead of copying the cache.
    return name;
  };
  return {
    keys: split(context, `layer${index}_keys`, append('key', newKeys), 2, groups, (g) => g.qkDims),
    values: split(
      context,
      `layer${index}_values`,
      append('value', newValues),
      2,
      groups,
      (g) => g.voDims,
    ),
  };
}

/** Attention of equal heads: [N, G·g·w] queries on [B, S, G·w] keys and [B, S, G·u] values. */
function emitGroup(
  context: DecoderContext,
  attention: Attention,
  group: HeadGroup,
  q: Value,
  k: Value,
  v: Value,
): Value {
  const { graph } = context;
  const perKey = queriesPerKey(attention);
  const count = group.heads.length;
  const { qkDims: w, voDims: u } = group;
  const rotated = rotate(context, attention, group, q, perKey * w);
  const arrange = (value: Value, dims: Value, perm: readonly bigint[]): Value =>
    graph.op('Transpose', [graph.op('Reshape', [value, dims])], { perm });
  const queries = arrange(rotated, context.dims(count, perKey, w), [0n, 2n, 3n, 1n, 4n]);
  const keys = arrange(k, graph.ints([0, 0, count, 1, w]), [0n, 2n, 3n, 4n, 1n]);
  const values = arrange(v, graph.ints([0, 0, count, 1, u]), [0n, 2n, 3n, 1n, 4n]);
  // [B, G, g, T, w] · [B, G, 1, w, S] → [B, G, g, T, S]
  const products = emitCapped(graph, graph.op('MatMul', [queries, keys]), attention.softcap);
  const scores = graph.op('Add', [products, context.causal(attention.window)]);
  const weights = graph.op('Softmax', [scores], { axis: -1n });
  const out = graph.op('Transpose', [graph.op('MatMul', [weights, values])], {
    perm: [0n, 3n, 1n, 2n, 4n],
  });
  return graph.op('Reshape', [out, graph.ints([-1, count * perKey * u])]);
}

/**
 * Rotates [N, G·width]. Where heads keep different pairs, a head of a token counts as one position
 * of a sequence of T·G, whose row of the table is its own: one fused node, no copy.
 * @returns  the same values in some shape [B, …]
 */
function rotate(
  context: DecoderContext,
  attention: Attention,
  group: HeadGroup,
  value: Value,
  width: number,
): Value {
  const rotary = context.rotary(attention);
  if (rotary === null) return value;
  const { graph } = context;
  const { cos, sin, rowsPerToken } = rotary.tables(group, group.qkDims / 2);
  const rowWidth = (group.heads.length / rowsPerToken) * width;
  const rows = graph.op('Reshape', [value, context.batchDims(-1, rowWidth)]);
  return graph.microsoft('RotaryEmbedding', [rows, graph.ints([0]), cos, sin]);
}

/** Splits a value's axis by groups; `size` is a group's width per key/value head. */
function split(
  context: DecoderContext,
  name: string,
  value: Value,
  axis: number,
  groups: readonly HeadGroup[],
  size: (group: HeadGroup) => number,
): readonly Value[] {
  if (groups.length === 1) return [value];
  const sizes = groups.map((group) => group.heads.length * size(group));
  const outputs = groups.map((_, i) => `${name}_${i}`);
  const inputs = [value, context.graph.ints(sizes)];
  return context.graph.node('Split', inputs, { axis: BigInt(axis) }, outputs);
}
