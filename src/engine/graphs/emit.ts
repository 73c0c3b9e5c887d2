import type { Activation, ModelShape } from '../model/modelShape.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';

/**
 * Emits the norm in front of a sublayer; the gain (and shift) are graph inputs.
 * @param x  [..., H]
 * @returns  the normalised value, [..., H]
 */
export function emitNorm(graph: GraphBuilder, shape: ModelShape, x: Value): Value {
  const epsilon = { float: shape.norm.epsilon };
  const gain = graph.input('norm_gain', 'float32', [shape.hidden]);
  if (shape.norm.kind === 'rms') {
    return graph.op('SimplifiedLayerNormalization', [x, gain], { axis: -1n, epsilon });
  }
  const shift = graph.input('norm_shift', 'float32', [shape.hidden]);
  return graph.op('LayerNormalization', [x, gain, shift], { axis: -1n, epsilon });
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
 * Emits the residual `x + (z · W + b)` for W [rows, H] stored with its input dimension first.
 * @param z  [N, rows]
 * @returns  [B, T, H], the shape of x
 */
export function emitResidual(
  graph: GraphBuilder,
  x: Value,
  z: Value,
  w: Value,
  b: Value | null,
): Value {
  const update = graph.op('Gemm', b === null ? [z, w] : [z, w, b]);
  return graph.op('Add', [x, graph.op('Reshape', [update, graph.op('Shape', [x])])]);
}
