import type { Norm } from '../model/block.ts';
import { GraphBuilder } from '../onnx/graphBuilder.ts';
import { emitNorm, emitProjection } from './emit.ts';

/**
 * A norm of the residual stream.
 *
 * Inputs: x [B, T, H], norm_gain, (norm_shift) [H]. Output: y [B, T, H].
 */
export function normGraph(norm: Norm, hidden: number): Uint8Array {
  const graph = new GraphBuilder('norm');
  const dims = ['batch', 'time', hidden];
  const x = graph.input('x', 'float32', dims);
  graph.output('y', emitNorm(graph, norm, x, hidden), 'float32', dims);
  return graph.build();
}

/**
 * Rows of the embedding table as the stream has them, `y = x · Wᵀ`.
 *
 * Inputs: x [N, E], weight [H, E]. Output: y [N, H].
 */
export function projectInGraph(width: number, hidden: number): Uint8Array {
  const graph = new GraphBuilder('project_in');
  const x = graph.input('x', 'float32', ['tokens', width]);
  const weight = graph.input('weight', 'float32', [hidden, width]);
  const y = emitProjection(graph, x, weight, null);
  graph.output('y', y, 'float32', ['tokens', hidden]);
  return graph.build();
}
