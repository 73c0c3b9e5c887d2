import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import { blocksOf, bytesPerBlock } from '../quantise/blockFormat.ts';
import type { PackedWeight } from '../quantise/packedWeight.ts';
import type { PackedLayer } from '../quantise/quantisedModel.ts';
import type { WeightPlan } from './weightPlan.ts';

/** ONNX Runtime's operator for integer weights. */
export const INTEGER_OPERATOR = 'MatMulNBits';

/** What the operator may round activations to: `float32` leaves them alone. */
export type Accuracy = 'float32' | 'int8';

/** Values of the operator's `accuracy_level`. */
export const ACCURACY_LEVELS: Readonly<Record<Accuracy, bigint>> = { float32: 1n, int8: 4n };

/** The linear maps of a decoder's blocks as integers. */
export interface IntegerMaps {
  readonly layers: readonly PackedLayer[];
  readonly accuracy: Accuracy;
}

/**
 * Emits `x · Wᵀ` for integers.
 * @param map.spread  stored output of every output used, −1 for zeros; null: as they are stored
 * @param x  [N, inputs], float32
 * @returns  [N, outputs used]
 */
export function emitIntegerMap(
  graph: GraphBuilder,
  plan: WeightPlan,
  map: {
    readonly name: string;
    readonly weight: PackedWeight;
    readonly accuracy: Accuracy;
    readonly spread: readonly number[] | null;
  },
  x: Value,
): Value {
  const { name, weight, accuracy, spread } = map;
  const { format, inputs, outputs } = weight;
  const [blocks, width] = [blocksOf(inputs, format), bytesPerBlock(format)];
  let codes = plan.bytesOf(`${name}.codes`, [outputs, blocks, width], () => weight.codes);
  let scales = plan.scales(`${name}.scales`, [outputs, blocks], () => weight.scales);
  if (spread !== null) {
    // Constants only: the runtime does this once, when it loads the model. A scale of 0 gives zeros
    // whatever the code.
    const index = graph.ints(spread.map((row) => (row < 0 ? outputs : row)));
    const withZeros = (stored: Value, zeros: Value): Value =>
      graph.op('Gather', [graph.op('Concat', [stored, zeros], { axis: 0n }), index], { axis: 0n });
    const none = graph.initializer(
      `${name}.no_codes`,
      'uint8',
      [1, blocks, width],
      new Uint8Array(blocks * width),
    );
    const zero = graph.initializer(
      `${name}.no_scales`,
      'float32',
      [1, blocks],
      new Float32Array(blocks),
    );
    codes = withZeros(codes, none);
    scales = withZeros(scales, zero);
  }
  return graph.microsoft(INTEGER_OPERATOR, [x, codes, scales], {
    K: BigInt(inputs),
    N: BigInt(spread?.length ?? outputs),
    bits: BigInt(format.bits),
    block_size: BigInt(format.blockSize),
    accuracy_level: ACCURACY_LEVELS[accuracy],
  });
}
