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

/** Added to the score of a token that may not be looked at; its exponential is exactly zero. */
export const MASKED = -1e9;

/** Emits c·tanh(x / c); x itself where there is no cap c. */
export function emitCapped(graph: GraphBuilder, x: Value, cap: number | null): Value {
  if (cap === null) return x;
  const bounded = graph.op('Tanh', [graph.op('Div', [x, graph.floats(cap)])]);
  return graph.op('Mul', [bounded, graph.floats(cap)]);
}
