import type { ModelShape } from '../checkpoint/modelShape.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import { emitNorm, emitProjection } from './emit.ts';

/**
 * The loss at every position, reduced inside the graph: no [N, V] logits leave it.
 *
 * Any cross-entropy against a distribution p needs the logits z = E·h only through
 * `Σ p_v z_v = (Σ p_v E_v)·h`, so the target is one row of H numbers: the embedding row of the next
 * token for the negative log-likelihood, the dense model's expected row for KL. Then
 * `loss = logsumexp(z) − target·h`, exact for both at the price of one head product.
 *
 * Inputs: x [N, H] (residual stream), norm_gain, (norm_shift), head [V, H], target [N, H].
 * Output: loss [N], nats, float32.
 */
export function lossGraph(shape: ModelShape): Uint8Array {
  const graph = new GraphBuilder('loss');
  const { h, z } = emitLogits(graph, shape);
  const target = graph.input('target', 'float32', ['tokens', shape.hidden]);
  const loss = graph.op('Sub', [emitLogSumExp(graph, z), emitDot(graph, target, h)]);
  graph.output('loss', loss, 'float32', ['tokens']);
  return graph.build();
}

/**
 * What KL against a model needs from that model at every position.
 *
 * Inputs as {@link lossGraph} without target. Outputs: expected [N, H] = Σ p_v E_v and
 * negative_entropy [N] = Σ p_v log p_v, so that KL(p‖q) = negative_entropy + loss_q(expected).
 */
export function teacherGraph(shape: ModelShape): Uint8Array {
  const graph = new GraphBuilder('teacher');
  const { h, z, head } = emitLogits(graph, shape);
  const p = graph.op('Softmax', [z], { axis: -1n });
  const expected = graph.op('Gemm', [p, head]);
  const entropy = graph.op('Sub', [emitDot(graph, expected, h), emitLogSumExp(graph, z)]);
  graph.output('expected', expected, 'float32', ['tokens', shape.hidden]);
  graph.output('negative_entropy', entropy, 'float32', ['tokens']);
  return graph.build();
}

/** The logits themselves, [N, V]; for verification and generation only. */
export function logitsGraph(shape: ModelShape): Uint8Array {
  const graph = new GraphBuilder('logits');
  graph.output('logits', emitLogits(graph, shape).z, 'float32', ['tokens', shape.vocab]);
  return graph.build();
}

function emitLogits(graph: GraphBuilder, shape: ModelShape): { h: Value; z: Value; head: Value } {
  const x = graph.input('x', 'float32', ['tokens', shape.hidden]);
  const h = emitNorm(graph, shape, x);
  const head = graph.input('head', 'float32', [shape.vocab, shape.hidden]);
  return { h, z: emitProjection(graph, h, head, null), head };
}

function emitDot(graph: GraphBuilder, a: Value, b: Value): Value {
  return graph.op('ReduceSum', [graph.op('Mul', [a, b]), graph.ints([-1])], { keepdims: 0n });
}

function emitLogSumExp(graph: GraphBuilder, z: Value): Value {
  return graph.op('ReduceLogSumExp', [z, graph.ints([-1])], { keepdims: 0n });
}
