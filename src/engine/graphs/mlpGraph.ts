import type { ModelShape } from '../model/modelShape.ts';
import { GraphBuilder } from '../onnx/graphBuilder.ts';
import {
  emitActivation,
  emitNorm,
  emitProjection,
  emitResidual,
  emitRowBias,
  emitWeight,
  type WeightAccess,
} from './emit.ts';

/** Options of a sublayer graph. */
export interface SublayerGraphOptions {
  readonly access: WeightAccess;
  /** Also output the normed input and the input of the output projection. */
  readonly tap: boolean;
}

/**
 * The MLP sublayer `y = x + down(act(gate(norm x)) · up(norm x))`, weights as inputs.
 *
 * Inputs: x [B, T, H], norm_gain, (norm_shift), (gate), up, down [F, H], biases; F kept neurons is
 * dynamic. Outputs: y [B, T, H]; with `tap` also normed [N, H] and inner [N, F].
 */
export function mlpGraph(shape: ModelShape, options: SublayerGraphOptions): Uint8Array {
  const { access } = options;
  const graph = new GraphBuilder('mlp');
  const x = graph.input('x', 'float32', ['batch', 'time', shape.hidden]);
  const normed = graph.op('Reshape', [emitNorm(graph, shape, x), graph.ints([-1, shape.hidden])]);
  const project = (name: string): string =>
    emitProjection(
      graph,
      normed,
      emitWeight(graph, access, name, 'neurons', shape.hidden),
      shape.bias.mlp ? emitRowBias(graph, access, `${name}_bias`, 'neurons') : null,
    );
  const { activation } = shape.mlp;
  const inner = shape.mlp.gated
    ? graph.op('Mul', [emitActivation(graph, activation, project('gate')), project('up')])
    : emitActivation(graph, activation, project('up'));
  const down = emitWeight(graph, access, 'down', 'neurons', shape.hidden);
  const bias = shape.bias.mlp ? graph.input('down_bias', 'float32', [shape.hidden]) : null;
  const y = emitResidual(graph, x, inner, down, bias);
  graph.output('y', y, 'float32', ['batch', 'time', shape.hidden]);
  if (options.tap) {
    graph.output('normed', normed, 'float32', ['tokens', shape.hidden]);
    graph.output('inner', inner, 'float32', ['tokens', 'neurons']);
  }
  return graph.build();
}
