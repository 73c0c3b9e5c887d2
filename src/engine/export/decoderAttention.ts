import { type Attention, queriesPerKey } from '../model/block.ts';
import { emitRotation, emitWeightedValues, type HeadLayout } from '../graphs/sublayers.ts';
import type { Value } from '../onnx/graphBuilder.ts';
import type { DecoderContext } from './decoderContext.ts';
import { cacheWidths, type HeadGroup } from './headGroups.ts';

/** A block whose heads a decoder attends with. */
export interface CachedBlock {
  readonly index: number;
  readonly attention: Attention;
  readonly groups: readonly HeadGroup[];
}

/**
 * Attention of a decoder, with the block's cache.
 *
 * The softmax scale stays 1/√D of the original head width (METHODS section 2). Keys are cached
 * after rotation.
 */
export function cachedHeads(context: DecoderContext, block: CachedBlock): HeadLayout {
  const { graph } = context;
  const { attention, groups, index } = block;
  const perKey = queriesPerKey(attention);
  const { key } = cacheWidths(groups);
  return {
    flat: (map) => graph.ints([-1, map === 'q' ? perKey * key : key]),
    attend({ q, k, v }) {
      const scaled = graph.op('Mul', [q, graph.floats(attention.scale)]);
      const cached = emitCache(context, block, k, v);
      const queries = split(
        context,
        `layer${index}_q`,
        scaled,
        1,
        groups,
        (g) => perKey * g.qkDims,
      );
      const parts = groups.map((g, i) =>
        emitGroup(context, attention, g, queries[i]!, cached.keys[i]!, cached.values[i]!),
      );
      return parts.length === 1 ? parts[0]! : graph.op('Concat', parts, { axis: 1n });
    },
  };
}

/** Appends this step's keys and values to the cache, and splits the whole by groups. */
function emitCache(
  context: DecoderContext,
  { index, attention, groups }: CachedBlock,
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
  const heads = { q: queries, k: keys, v: values };
  const mask = context.causal(attention.window);
  const out = graph.op('Transpose', [emitWeightedValues(graph, attention, heads, mask)], {
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
  const tables = rotary.tables(group, group.qkDims / 2);
  const rowWidth = (group.heads.length / tables.rowsPerToken) * width;
  const rows = graph.op('Reshape', [value, context.batchDims(-1, rowWidth)]);
  return emitRotation(graph, rows, graph.ints([0]), tables);
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
