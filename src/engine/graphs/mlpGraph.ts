import { addsElsewhere, type Block } from '../model/block.ts';
import { GraphBuilder } from '../onnx/graphBuilder.ts';
import {
  emitActivation,
  emitInput,
  emitProjection,
  emitResidual,
  emitRowBias,
  emitUpdate,
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
 * The MLP sublayer `y = x + after(down(act(gate(norm x)) · up(norm x)))`, weights as inputs. In a
 * parallel block it adds to another stream than it reads, `y = stream + …`. A norm behind it is a
 * graph of its own.
 *
 * Inputs: x [B, T, H], (stream [B, T, H]), (norm_gain, norm_shift), (gate), up, down [F, H], biases;
 * F kept neurons is dynamic. Outputs: y [B, T, H]; with `tap` also normed [N, H], inner [N, F]
 * and, where a norm is between it and the stream, update [N, H].
 */
export function mlpGraph(block: Block, options: SublayerGraphOptions): Uint8Array {
  const { hidden, mlp } = block;
  const { access } = options;
  const { activation, maps, norms } = mlp;
  const graph = new GraphBuilder('mlp');
  const state = (name: string): string => graph.input(name, 'float32', ['batch', 'time', hidden]);
  const x = state('x');
  const stream = addsElsewhere('mlp', block) ? state('stream') : x;
  const normed = emitInput(graph, norms.before, x, hidden);
  const project = (name: 'gate' | 'up'): string =>
    emitProjection(
      graph,
      normed,
      emitWeight(graph, access, name, 'neurons', hidden),
      maps[name]!.bias ? emitRowBias(graph, access, `${name}_bias`, 'neurons') : null,
    );
  const inner =
    maps.gate === null
      ? emitActivation(graph, activation, project('up'))
      : graph.op('Mul', [emitActivation(graph, activation, project('gate')), project('up')]);
  const update = emitUpdate(
    graph,
    inner,
    emitWeight(graph, access, 'down', 'neurons', hidden),
    maps.down.bias ? graph.input('down_bias', 'float32', [hidden]) : null,
  );
  const y = emitResidual(graph, stream, update, hidden, norms.after);
  graph.output('y', y, 'float32', ['batch', 'time', hidden]);
  if (options.tap) {
    graph.output('normed', normed, 'float32', ['tokens', hidden]);
    graph.output('inner', inner, 'float32', ['tokens', 'neurons']);
    if (norms.after !== null) graph.output('update', update, 'float32', ['tokens', hidden]);
  }
  return graph.build();
}
