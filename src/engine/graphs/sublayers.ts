import {
  type Attention,
  type Block,
  type Mlp,
  type NormName,
  OUTPUT_MAP,
  type SublayerKind,
} from '../model/block.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import { emitActivation, emitCapped } from './emit.ts';

// What a block computes, once for the graphs of a forward pass and for decoders. They differ in where
// weights come from and in how heads lie in memory, which both say by the interfaces below.

/** Maps that read what enters a sublayer. */
export type InputMap = 'q' | 'k' | 'v' | 'gate' | 'up';

/** How a graph has the weights of a block: as inputs, or stored in its file. */
export interface SublayerWeights {
  /** What the maps of a sublayer read: x, normalised where the block does so before it; [N, H]. */
  read(kind: SublayerKind, x: Value): Value;
  /** A norm of the block over the last axis of x; x itself where it has none. */
  norm(name: NormName, x: Value): Value;
  /** `x · Wᵀ + b`, [N, rows] */
  project(map: InputMap, x: Value): Value;
  /** `z · W + b` of the map that ends a sublayer, and the stream on top where one is given. */
  end(map: 'o' | 'down', z: Value, stream: Value | null): Value;
  /** The stream with an update [N, H] on top. */
  add(stream: Value, update: Value): Value;
}

/** How the heads of a block lie in a graph. */
export interface HeadLayout {
  /** The shape of all queries or keys, [N, rows], as a tensor. */
  flat(map: 'q' | 'k'): Value;
  /** Attention of projected heads, [N, rows of o]; it rotates queries and keys, where a block does. */
  attend(heads: Heads): Value;
}

/** Queries, keys and values. */
export interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/** The values of a sublayer. */
export interface SublayerValues {
  /** What its maps read, [N, H]. */
  readonly normed: Value;
  /** What the map that ends it reads, [N, rows]. */
  readonly inner: Value;
  /** What that map makes, where a norm is between it and the stream, [N, H]; else null. */
  readonly update: Value | null;
  /** The stream with what the sublayer adds to it. */
  readonly y: Value;
}

/** Emits attention, `stream + after(o(attention(norm x)))`, reading the stream that it adds to. */
export function emitAttention(
  graph: GraphBuilder,
  { attention }: Block,
  weights: SublayerWeights,
  layout: HeadLayout,
  x: Value,
): SublayerValues {
  const normed = weights.read('attention', x);
  const queryKey = (map: 'q' | 'k'): Value =>
    normedHeads(graph, attention, map, weights.project(map, normed), { weights, layout });
  const [q, k] = [queryKey('q'), queryKey('k')];
  const inner = layout.attend({ q, k, v: weights.project('v', normed) });
  return { normed, inner, ...emitEnd(weights, 'attention', attention, x, inner) };
}

/** Emits the MLP, `stream + after(down(act(gate(norm x)) · up(norm x)))`. */
export function emitMlp(
  graph: GraphBuilder,
  { mlp }: Block,
  weights: SublayerWeights,
  x: Value,
  stream: Value,
): SublayerValues {
  const normed = weights.read('mlp', x);
  const { inner } = emitNeurons(graph, mlp, weights, normed);
  return { normed, inner, ...emitEnd(weights, 'mlp', mlp, stream, inner) };
}

/** The values of neurons, [N, rows] each. */
export interface NeuronValues {
  /** Null for a plain MLP. */
  readonly gate: Value | null;
  readonly up: Value;
  /** What the activation function makes of the gate, or of `up` without one. */
  readonly active: Value;
  /** What the neurons hand on. */
  readonly inner: Value;
}

/** Emits the neurons of an MLP, `act(gate x) · up x`, or `act(up x)` without a gate. */
export function emitNeurons(
  graph: GraphBuilder,
  { maps, activation }: Mlp,
  weights: Pick<SublayerWeights, 'project'>,
  normed: Value,
): NeuronValues {
  const gate = maps.gate === null ? null : weights.project('gate', normed);
  const up = weights.project('up', normed);
  const active = emitActivation(graph, activation, gate ?? up);
  const inner = gate === null ? active : graph.op('Mul', [active, up]);
  return { gate, up, active, inner };
}

/**
 * Emits `softmax(cap(q · k) + mask) · v`.
 * @param mask  added to the scores
 * @param rows  lays scores out as the mask wants them, and weights as the product with v does
 */
export function emitWeightedValues(
  graph: GraphBuilder,
  { softcap }: Attention,
  { q, k, v }: Heads,
  mask: Value,
  rows: { readonly unfold: (scores: Value) => Value; readonly fold: (weights: Value) => Value } = {
    unfold: (scores) => scores,
    fold: (weights) => weights,
  },
): Value {
  const scores = rows.unfold(emitCapped(graph, graph.op('MatMul', [q, k]), softcap));
  const weights = graph.op('Softmax', [graph.op('Add', [scores, mask])], { axis: -1n });
  return graph.op('MatMul', [rows.fold(weights), v]);
}

/**
 * Emits the rotation of pairs: entry i of the first half of a row is turned against entry i of the
 * second half. A position has one row of the tables, whatever the number of heads in its row.
 * @param x  [B, positions, heads · w]
 * @param positions  rows of the tables, [B, positions], or [1] of the first one
 * @param cos  [rows, w / 2], as `sin`
 */
export function emitRotation(
  graph: GraphBuilder,
  x: Value,
  positions: Value,
  { cos, sin }: { readonly cos: Value; readonly sin: Value },
): Value {
  return graph.microsoft('RotaryEmbedding', [x, positions, cos, sin]);
}

/** Normalises every head of [N, heads·D] by itself, where the block does so. */
function normedHeads(
  graph: GraphBuilder,
  { qkNorm, headDim }: Attention,
  map: 'q' | 'k',
  value: Value,
  { weights, layout }: { readonly weights: SublayerWeights; readonly layout: HeadLayout },
): Value {
  if (qkNorm === null) return value;
  const single = graph.op('Reshape', [value, graph.ints([-1, headDim])]);
  return graph.op('Reshape', [weights.norm(`${map}Norm`, single), layout.flat(map)]);
}

function emitEnd(
  weights: SublayerWeights,
  kind: SublayerKind,
  { norms }: Pick<Mlp, 'norms'>,
  stream: Value,
  inner: Value,
): Pick<SublayerValues, 'update' | 'y'> {
  const map = OUTPUT_MAP[kind];
  if (norms.after === null) return { update: null, y: weights.end(map, inner, stream) };
  const update = weights.end(map, inner, null);
  return { update, y: weights.add(stream, weights.norm(`${kind}AfterNorm`, update)) };
}
