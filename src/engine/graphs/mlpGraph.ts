import { addsElsewhere, type Block } from '../model/block.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import { inputWeights, type WeightAccess } from './inputWeights.ts';
import { emitMlp, type SublayerValues } from './sublayers.ts';

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
export function mlpGraph(block: Block, { access, tap }: SublayerGraphOptions): Uint8Array {
  const { hidden } = block;
  const graph = new GraphBuilder('mlp');
  const state = (name: string): Value => graph.input(name, 'float32', ['batch', 'time', hidden]);
  const x = state('x');
  const stream = addsElsewhere('mlp', block) ? state('stream') : x;
  const values = emitMlp(graph, block, inputWeights(graph, block, access), x, stream);
  outputSublayer(graph, values, { hidden, tap, inner: 'neurons' });
  return graph.build();
}

/**
 * Makes the values of a sublayer the outputs of its graph.
 * @param options.inner  names the width of what the map that ends it reads
 */
export function outputSublayer(
  graph: GraphBuilder,
  { normed, inner, update, y }: SublayerValues,
  options: { readonly hidden: number; readonly tap: boolean; readonly inner: string },
): void {
  const { hidden } = options;
  graph.output('y', y, 'float32', ['batch', 'time', hidden]);
  if (!options.tap) return;
  graph.output('normed', normed, 'float32', ['tokens', hidden]);
  graph.output('inner', inner, 'float32', ['tokens', options.inner]);
  if (update !== null) graph.output('update', update, 'float32', ['tokens', hidden]);
}
