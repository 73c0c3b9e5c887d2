import { groupSize, type ModelShape } from '../checkpoint/modelShape.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import {
  emitNorm,
  emitProjection,
  emitResidual,
  emitRowBias,
  emitWeight,
  type WeightAccess,
} from './emit.ts';
import type { SublayerGraphOptions } from './mlpGraph.ts';

/**
 * How attention is computed: `fused` is ONNX Runtime's GroupQueryAttention (fastest on the CPU at
 * long T; head sizes of q, k and v equal and a multiple of 8), `plain` is MatMul and Softmax (right
 * on every provider, q/k and v sizes independent).
 */
export type AttentionVariant = 'fused' | 'plain';

/**
 * The attention sublayer `y = x + o(attention(norm x))`, weights as inputs.
 *
 * Every head of a layer is padded to one q/k width and one v width with zero rows, which add
 * nothing to a dot product, so one batched product serves heads of different kept sizes. The softmax
 * scale stays 1/√D of the ORIGINAL head width and each kept RoPE pair keeps its original frequency:
 * rotation tables are inputs, stacked per head, so heads may keep different pairs (METHODS 2).
 *
 * Inputs: x [B, T, H], norm_gain, (norm_shift), q [A·w, H], k [G·w, H], v [G·u, H], o [A·u, H],
 * biases; under RoPE cos and sin [A·T, w/2], q_positions [B, T·A] and k_positions [B, T·G];
 * `fused`: last_index [B] and total_length [1]; `plain`: causal [T, T].
 * Outputs: y [B, T, H]; with `tap` also normed [N, H] and inner [N, A·u].
 */
export function attentionGraph(
  shape: ModelShape,
  options: SublayerGraphOptions & { readonly variant: AttentionVariant },
): Uint8Array {
  const graph = new GraphBuilder('attention');
  const { hidden, heads, kvHeads } = shape;
  const x = graph.input('x', 'float32', ['batch', 'time', hidden]);
  const normed = graph.op('Reshape', [emitNorm(graph, shape, x), graph.ints([-1, hidden])]);
  const sizes = emitSizes(graph, x);
  const project = (name: 'q' | 'k' | 'v'): Value =>
    projection(graph, shape, options.access, name, normed);
  const q = rotated(graph, shape, sizes, project('q'), 'q', heads);
  const k = rotated(graph, shape, sizes, project('k'), 'k', kvHeads);
  const v = project('v');
  const attend = options.variant === 'fused' ? emitFused : emitPlain;
  const context = graph.op('Reshape', [attend(graph, shape, sizes, { q, k, v }), sizes.tokens]);
  const o = emitWeight(graph, options.access, 'o', 'o_index', hidden);
  const bias = shape.bias.output ? graph.input('o_bias', 'float32', [hidden]) : null;
  graph.output('y', emitResidual(graph, x, context, o, bias), 'float32', ['batch', 'time', hidden]);
  if (options.tap) {
    graph.output('normed', normed, 'float32', ['tokens', hidden]);
    graph.output('inner', context, 'float32', ['tokens', 'context']);
  }
  return graph.build();
}

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

interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
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

function projection(
  graph: GraphBuilder,
  shape: ModelShape,
  access: WeightAccess,
  name: 'q' | 'k' | 'v',
  normed: Value,
): Value {
  const weight = emitWeight(graph, access, name, `${name}_index`, shape.hidden);
  const bias = shape.bias.qkv ? emitRowBias(graph, access, `${name}_bias`, `${name}_index`) : null;
  return emitProjection(graph, normed, weight, bias);
}

/**
 * Rotates [N, heads·w]. A (token, head) is treated as one position of a sequence of T·heads single
 * heads, whose position index picks the row of its own head's table: no copy, one fused node.
 */
function rotated(
  graph: GraphBuilder,
  shape: ModelShape,
  sizes: Sizes,
  value: Value,
  name: 'q' | 'k',
  heads: number,
): Value {
  if (shape.positions.kind !== 'rope') return value;
  const length = graph.op('Mul', [sizes.time, graph.ints([heads])]);
  const sequence = graph.op('Concat', [sizes.batch, length, graph.ints([-1])], { axis: 0n });
  const positions = graph.input(`${name}_positions`, 'int64', ['batch', `${name}_length`]);
  const table = (part: string): Value => graph.input(part, 'float32', ['table_rows', 'pairs']);
  return graph.microsoft('RotaryEmbedding', [
    graph.op('Reshape', [value, sequence]),
    positions,
    table('cos'),
    table('sin'),
  ]);
}

function emitFused(graph: GraphBuilder, shape: ModelShape, sizes: Sizes, heads: Heads): Value {
  const sequence = graph.op('Concat', [sizes.batchTime, graph.ints([-1])], { axis: 0n });
  const flat = (value: Value): Value => graph.op('Reshape', [value, sequence]);
  const last = graph.input('last_index', 'int32', ['batch']);
  const total = graph.input('total_length', 'int32', [1]);
  return graph.microsoft(
    'GroupQueryAttention',
    [flat(heads.q), flat(heads.k), flat(heads.v), '', '', last, total],
    {
      num_heads: BigInt(shape.heads),
      kv_num_heads: BigInt(shape.kvHeads),
      scale: { float: 1 / Math.sqrt(shape.headDim) },
    },
    2,
  );
}

/** Query heads of a group are stacked along time, so keys and values are never copied per query head. */
function emitPlain(graph: GraphBuilder, shape: ModelShape, sizes: Sizes, heads: Heads): Value {
  const group = groupSize(shape);
  const { kvHeads } = shape;
  const split = (value: Value, counts: readonly number[]): Value =>
    graph.op('Reshape', [
      value,
      graph.op('Concat', [sizes.batchTime, graph.ints([...counts, -1])], { axis: 0n }),
    ]);
  const merge = (value: Value, rows: Value): Value =>
    graph.op('Reshape', [value, graph.op('Concat', [graph.ints([-1]), rows], { axis: 0n })]);
  const stacked = graph.op('Mul', [sizes.time, graph.ints([group])]);
  const scaled = graph.op('Mul', [heads.q, graph.floats(1 / Math.sqrt(shape.headDim))]);

  const q = graph.op('Transpose', [split(scaled, [kvHeads, group])], {
    perm: [0n, 2n, 3n, 1n, 4n],
  });
  const k = graph.op('Transpose', [split(heads.k, [kvHeads])], { perm: [0n, 2n, 3n, 1n] });
  const v = graph.op('Transpose', [split(heads.v, [kvHeads])], { perm: [0n, 2n, 1n, 3n] });
  const qRows = graph.op(
    'Concat',
    [sizes.batch, graph.ints([kvHeads]), stacked, graph.ints([-1])],
    {
      axis: 0n,
    },
  );
  // [B, G, g·T, w] · [B, G, w, T] → [B, G, g·T, T]
  const scores = graph.op('MatMul', [graph.op('Reshape', [q, qRows]), k]);
  const square = graph.op('Concat', [graph.ints([group]), sizes.time, sizes.time], { axis: 0n });
  const causal = graph.input('causal', 'float32', ['time', 'time']);
  const masked = graph.op('Add', [merge(scores, square), causal]);
  const weights = graph.op('Reshape', [
    graph.op('Softmax', [masked], { axis: -1n }),
    graph.op('Concat', [sizes.batch, graph.ints([kvHeads]), stacked, sizes.time], { axis: 0n }),
  ]);
  // [B, G, g·T, T] · [B, G, T, u] → [B, G, g, T, u] → [B, T, G, g, u]
  const context = graph.op('Reshape', [
    graph.op('MatMul', [weights, v]),
    graph.op('Concat', [sizes.batch, graph.ints([kvHeads, group]), sizes.time, graph.ints([-1])], {
      axis: 0n,
    }),
  ]);
  return graph.op('Transpose', [context], { perm: [0n, 3n, 1n, 2n, 4n] });
}
