import type { Norm } from '../model/block.ts';
import type { Activation } from '../model/modelShape.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';

/**
 * Emits a norm over the last axis; the gain (and shift) are graph inputs named after it.
 * @param x  [..., width]
 * @param name  of the inputs: `{name}_gain`, `{name}_shift`
 * @returns  the normalised value, [..., width]
 */
export function emitNorm(
  graph: GraphBuilder,
  norm: Norm,
  x: Value,
  width: number,
  name = 'norm',
): Value {
  const stored = graph.input(`${name}_gain`, 'float32', [width]);
  const shift = norm.kind === 'layer' ? graph.input(`${name}_shift`, 'float32', [width]) : null;
  return emitNormOf(graph, norm, x, { gain: stored, shift });
}

/**
 * Emits a norm over the last axis with a gain as it is stored.
 * @param x  [..., width]
 * @param weights  gain and shift, [width]
 */
export function emitNormOf(
  graph: GraphBuilder,
  { kind, epsilon, gainOffset }: Norm,
  x: Value,
  weights: { readonly gain: Value; readonly shift: Value | null },
): Value {
  const attributes = { axis: -1n, epsilon: { float: epsilon } };
  const gain =
    gainOffset === 0 ? weights.gain : graph.op('Add', [weights.gain, graph.floats(gainOffset)]);
  return kind === 'rms'
    ? graph.op('SimplifiedLayerNormalization', [x, gain], attributes)
    : graph.op('LayerNormalization', [x, gain, weights.shift!], attributes);
}

/**
 * Emits what the maps of a sublayer read: the stream, normalised where the block does so before it.
 * @param x  [B, T, H]
 * @returns  [N, H]
 */
export function emitInput(graph: GraphBuilder, norm: Norm | null, x: Value, hidden: number): Value {
  const read = norm === null ? x : emitNorm(graph, norm, x, hidden);
  return graph.op('Reshape', [read, graph.ints([-1, hidden])]);
}

/**
 * Emits the activation function of an MLP.
 * @returns  act(x), the shape of x
 */
export function emitActivation(graph: GraphBuilder, activation: Activation, x: Value): Value {
  switch (activation) {
    case 'silu':
      // QuickGelu is x · sigmoid(alpha · x); with alpha 1 it is SiLU, fused on every provider.
      return graph.microsoft('QuickGelu', [x], { alpha: { float: 1 } });
    case 'relu':
      return graph.op('Relu', [x]);
    case 'gelu':
      return graph.op('Gelu', [x], { approximate: 'none' });
    case 'geluTanh':
      return graph.op('Gelu', [x], { approximate: 'tanh' });
  }
}

/**
 * How weights reach a graph: `direct` as already sliced inputs (CPU), or `gathered` in the graph by
 * an index input from full weights that stay on the device (GPU).
 */
export type WeightAccess = 'direct' | 'gathered';

/**
 * Declares a weight [rows, width] as an input, gathered by `index` on the device if so asked.
 *
 * A gathered weight carries one extra zero row at its end, which padding indices point to.
 */
export function emitWeight(
  graph: GraphBuilder,
  access: WeightAccess,
  name: string,
  index: string,
  width: number,
): Value {
  const weight = graph.input(name, 'float32', [`${name}_rows`, width]);
  if (access === 'direct') return weight;
  return graph.op('Gather', [weight, emitIndex(graph, index)], { axis: 0n });
}

/** Declares a bias vector that is sliced like the rows of its weight (a column under `gathered`). */
export function emitRowBias(
  graph: GraphBuilder,
  access: WeightAccess,
  name: string,
  index: string,
): Value {
  if (access === 'direct') return graph.input(name, 'float32', [`${name}_rows`]);
  const column = graph.input(name, 'float32', [`${name}_rows`, 1]);
  const kept = graph.op('Gather', [column, emitIndex(graph, index)], { axis: 0n });
  return graph.op('Reshape', [kept, graph.ints([-1])]);
}

function emitIndex(graph: GraphBuilder, name: string): Value {
  return graph.input(name, 'int64', [`${name}_rows`]);
}

/**
 * Emits `x · Wᵀ + b` for W [rows, H], on x flattened to [N, H].
 * @returns  [N, rows]
 */
export function emitProjection(graph: GraphBuilder, x: Value, w: Value, b: Value | null): Value {
  return graph.op('Gemm', b === null ? [x, w] : [x, w, b], { transB: 1n });
}

/**
 * Emits what a sublayer's output map makes, `z · W + b`.
 * @param z  [N, rows]
 * @param weight  [rows, H], stored with its input dimension first
 * @returns  [N, H]
 */
export function emitUpdate(
  graph: GraphBuilder,
  z: Value,
  weight: Value,
  bias: Value | null,
): Value {
  return graph.op('Gemm', bias === null ? [z, weight] : [z, weight, bias]);
}

/**
 * Emits the residual `x + after(update)`; the gain of that norm is the input `after_gain`.
 * @param update  [N, H]
 * @param after  null where the update is added as it is
 * @returns  [B, T, H], the shape of x
 */
export function emitResidual(
  graph: GraphBuilder,
  x: Value,
  update: Value,
  hidden: number,
  after: Norm | null,
): Value {
  const added = after === null ? update : emitNorm(graph, after, update, hidden, 'after');
  return graph.op('Add', [x, graph.op('Reshape', [added, graph.op('Shape', [x])])]);
}

/** Emits c·tanh(x / c); x itself where there is no cap c. */
export function emitCapped(graph: GraphBuilder, x: Value, cap: number | null): Value {
  if (cap === null) return x;
  const bounded = graph.op('Tanh', [graph.op('Div', [x, graph.floats(cap)])]);
  return graph.op('Mul', [bounded, graph.floats(cap)]);
}
