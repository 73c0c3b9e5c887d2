import { type Attention, type Block, queriesPerKey } from '../model/block.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import { inputWeights } from './inputWeights.ts';
import { outputSublayer, type SublayerGraphOptions } from './mlpGraph.ts';
import {
  emitAttention,
  emitRotation,
  emitWeightedValues,
  type HeadLayout,
  type Heads,
} from './sublayers.ts';

/**
 * How attention is computed: `fused` is ONNX Runtime's GroupQueryAttention (fastest on the CPU at
 * long T; head sizes of q, k and v equal and a multiple of 8), `plain` is MatMul and Softmax (right
 * on every provider, q/k and v sizes independent), `blocked` is `plain` in {@link ROW_BLOCKS} blocks
 * of rows, each of which looks only at the columns before its end.
 */
export type AttentionVariant = 'fused' | 'plain' | 'blocked';

/**
 * Blocks of rows under `blocked`: b blocks compute (b + 1)/2b of the square of scores, 62.5% here.
 * More blocks save little and make the products small.
 */
const ROW_BLOCKS = 4;

/**
 * The attention sublayer `y = x + after(o(attention(norm x)))`, weights as inputs. A norm behind it is
 * a graph of its own.
 *
 * Every head of a layer is padded to one q/k width and one v width with zero rows, which add
 * nothing to a dot product, so one batched product serves heads of different kept sizes. The scale of
 * scores stays that of the ORIGINAL head width and each kept RoPE pair keeps its original frequency:
 * rotation tables are inputs, stacked per head, so heads may keep different pairs. A window is in
 * the mask of the feeds.
 *
 * Inputs: x [B, T, H], (norm_gain, norm_shift), q [A·w, H], k [G·w, H], v [G·u, H], o [A·u, H],
 * biases; (q_norm_gain, k_norm_gain [D]); (after_gain [H]); under RoPE cos and sin [A·T, w/2], q_positions [B, T·A] and k_positions [B, T·G];
 * `fused`: last_index [B] and total_length [1]; else causal [T, T].
 * Outputs: y [B, T, H]; with `tap` also normed [N, H], inner [N, A·u] and, where a norm
 * is between it and the stream, update [N, H].
 */
export function attentionGraph(
  block: Block,
  { access, tap, variant }: SublayerGraphOptions & { readonly variant: AttentionVariant },
): Uint8Array {
  const { hidden, attention } = block;
  const graph = new GraphBuilder('attention');
  const x = graph.input('x', 'float32', ['batch', 'time', hidden]);
  const sizes = emitSizes(graph, x);
  const turn = (value: Value, name: 'q' | 'k', heads: number): Value =>
    attention.rotary === null ? value : rotated(graph, sizes, value, name, heads);
  const layout: HeadLayout = {
    flat: () => sizes.tokens,
    attend({ q, k, v }) {
      const turned = { q: turn(q, 'q', attention.heads), k: turn(k, 'k', attention.kvHeads), v };
      const context = emitters[variant](graph, attention, sizes, turned);
      return graph.op('Reshape', [context, sizes.tokens]);
    },
  };
  const weights = inputWeights(graph, block, access);
  const values = emitAttention(graph, block, weights, layout, x);
  outputSublayer(graph, values, { hidden, tap, inner: 'context' });
  return graph.build();
}

const emitters: Readonly<Record<AttentionVariant, typeof emitPlain>> = {
  fused: emitFused,
  plain: emitPlain,
  blocked: emitBlocked,
};

interface Sizes {
  /** [1]: batch */
  readonly batch: Value;
  /** [1]: time */
  readonly time: Value;
  /** [2]: batch, time */
  readonly batchTime: Value;
  /** [2]: N, −1 */
  readonly tokens: Value;
}

function emitSizes(graph: GraphBuilder, x: Value): Sizes {
  const all = graph.op('Shape', [x]);
  const part = (from: number, to: number): Value =>
    graph.op('Slice', [all, graph.ints([from]), graph.ints([to])]);
  const [batch, time, batchTime] = [part(0, 1), part(1, 2), part(0, 2)];
  const count = graph.op('Mul', [batch, time]);
  const tokens = graph.op('Concat', [count, graph.ints([-1])], { axis: 0n });
  return { batch, time, batchTime, tokens };
}

/**
 * Rotates [N, heads·w]. A (token, head) is treated as one position of a sequence of T·heads single
 * heads, whose position index picks the row of its own head's table: no copy, one fused node.
 */
function rotated(
  graph: GraphBuilder,
  sizes: Sizes,
  value: Value,
  name: 'q' | 'k',
  heads: number,
): Value {
  const length = graph.op('Mul', [sizes.time, graph.ints([heads])]);
  const sequence = graph.op('Concat', [sizes.batch, length, graph.ints([-1])], { axis: 0n });
  const positions = graph.input(`${name}_positions`, 'int64', ['batch', `${name}_length`]);
  const table = (part: string): Value => graph.input(part, 'float32', ['table_rows', 'pairs']);
  const tables = { cos: table('cos'), sin: table('sin') };
  return emitRotation(graph, graph.op('Reshape', [value, sequence]), positions, tables);
}

function emitFused(graph: GraphBuilder, attention: Attention, sizes: Sizes, heads: Heads): Value {
  const sequence = graph.op('Concat', [sizes.batchTime, graph.ints([-1])], { axis: 0n });
  const flat = (value: Value): Value => graph.op('Reshape', [value, sequence]);
  const last = graph.input('last_index', 'int32', ['batch']);
  const total = graph.input('total_length', 'int32', [1]);
  return graph.microsoft(
    'GroupQueryAttention',
    [flat(heads.q), flat(heads.k), flat(heads.v), '', '', last, total],
    {
      num_heads: BigInt(attention.heads),
      kv_num_heads: BigInt(attention.kvHeads),
      scale: { float: attention.scale },
    },
    2,
  );
}

/**
 * Query heads of a group are stacked along time, so keys and values are never copied per query head.
 */
function emitPlain(graph: GraphBuilder, attention: Attention, sizes: Sizes, heads: Heads): Value {
  const inner = splitHeads(graph, attention, sizes, heads);
  const causal = graph.input('causal', 'float32', ['time', 'time']);
  const context = emitRows(graph, attention, sizes, {
    ...inner,
    ...{ causal, rows: sizes.time, columns: sizes.time },
  });
  return graph.op('Transpose', [context], { perm: [0n, 3n, 1n, 2n, 4n] });
}

/** As {@link emitPlain}; T is at least the number of blocks, so that none is empty. */
function emitBlocked(graph: GraphBuilder, attention: Attention, sizes: Sizes, heads: Heads): Value {
  const { q, k, v } = splitHeads(graph, attention, sizes, heads);
  const causal = graph.input('causal', 'float32', ['time', 'time']);
  const slice = (value: Value, from: Value, to: Value, axis: number): Value =>
    graph.op('Slice', [value, from, to, graph.ints([axis])]);
  const start = graph.ints([0]);
  const count = graph.ints([ROW_BLOCKS]);
  const blocks: Value[] = [];
  for (let b = 0, from = start; b < ROW_BLOCKS; b++) {
    const to = graph.op('Div', [graph.op('Mul', [sizes.time, graph.ints([b + 1])]), count]);
    blocks.push(
      emitRows(graph, attention, sizes, {
        q: slice(q, from, to, 3),
        k: slice(k, start, to, 3),
        v: slice(v, start, to, 2),
        causal: slice(slice(causal, from, to, 0), start, to, 1),
        rows: graph.op('Sub', [to, from]),
        columns: to,
      }),
    );
    from = to;
  }
  const context = graph.op('Concat', blocks, { axis: 3n });
  return graph.op('Transpose', [context], { perm: [0n, 3n, 1n, 2n, 4n] });
}

/** q [B, G, g, T, w], scaled; k [B, G, w, T]; v [B, G, T, u] */
function splitHeads(graph: GraphBuilder, attention: Attention, sizes: Sizes, heads: Heads): Heads {
  const { kvHeads } = attention;
  const split = (value: Value, counts: readonly number[]): Value =>
    graph.op('Reshape', [
      value,
      graph.op('Concat', [sizes.batchTime, graph.ints([...counts, -1])], { axis: 0n }),
    ]);
  const scaled = graph.op('Mul', [heads.q, graph.floats(attention.scale)]);
  return {
    q: graph.op('Transpose', [split(scaled, [kvHeads, queriesPerKey(attention)])], {
      perm: [0n, 2n, 3n, 1n, 4n],
    }),
    k: graph.op('Transpose', [split(heads.k, [kvHeads])], { perm: [0n, 2n, 3n, 1n] }),
    v: graph.op('Transpose', [split(heads.v, [kvHeads])], { perm: [0n, 2n, 1n, 3n] }),
  };
}

/**
 * Attention of `rows` query positions over `columns` key positions.
 * @param block  q [B, G, g, rows, w], k [B, G, w, columns], v [B, G, columns, u],
 *   causal [rows, columns]; `rows` and `columns` are [1]
 * @returns  [B, G, g, rows, u]
 */
function emitRows(
  graph: GraphBuilder,
  attention: Attention,
  { batch }: Sizes,
  block: Heads & { readonly causal: Value; readonly rows: Value; readonly columns: Value },
): Value {
  const group = queriesPerKey(attention);
  const { q, k, v, causal, rows, columns } = block;
  const join = (...parts: readonly Value[]): Value => graph.op('Concat', parts, { axis: 0n });
  const kvHeads = graph.ints([attention.kvHeads]);
  const rest = graph.ints([-1]);
  const stacked = graph.op('Mul', [rows, graph.ints([group])]);
  const flat = graph.op('Reshape', [q, join(batch, kvHeads, stacked, rest)]);
  // [B, G, g·rows, w] · [B, G, w, columns] → [B, G, g·rows, columns], and with v [B, G, g·rows, u]
  const values = emitWeightedValues(graph, attention, { q: flat, k, v }, causal, {
    unfold: (scores) =>
      graph.op('Reshape', [scores, join(rest, graph.ints([group]), rows, columns)]),
    fold: (weights) => graph.op('Reshape', [weights, join(batch, kvHeads, stacked, columns)]),
  });
  return graph.op('Reshape', [values, join(batch, kvHeads, graph.ints([group]), rows, rest)]);
}
