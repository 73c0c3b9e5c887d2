import { bytesText } from '../../protocol/sizeText.ts';
import { streamedWeightBytes, weightBytes } from '../checkpoint/weightBytes.ts';
import type { ModelShape } from '../model/modelShape.ts';

/** Where the weights of a source model are while something works on it. */
export interface WeightPlace {
  /** `memory`: all blocks stay there. `disk`: each is read from the model's files when it is needed. */
  readonly kind: 'memory' | 'disk';
  /** Memory that the weights take, bytes. */
  readonly heldBytes: number;
  /** Why they are not in memory; whole sentences, none where they are. */
  readonly notes: readonly string[];
}

/**
 * Most of the free memory that weights may take. The other half is for what is made beside them, of
 * which the changed maps of a reformed model and the decoders that are timed are as large as they are.
 */
const HELD_SHARE = 0.5;

/**
 * Decides whether a model's weights are held in memory. What is computed with them is the same to the
 * last digit; passes over weights on disk take longer.
 * @param freeBytes  memory that this process can have
 */
export function placeWeights(shape: ModelShape, freeBytes: number): WeightPlace {
  const whole = weightBytes(shape);
  if (whole <= HELD_SHARE * freeBytes) return { kind: 'memory', heldBytes: whole, notes: [] };
  const note =
    `The weights take ${bytesText(whole)} as float32, more than half of the ${bytesText(freeBytes)} ` +
    `of memory that are free: blocks are read from the model's files whenever they are needed, ` +
    `which takes longer and gives the same figures.`;
  return { kind: 'disk', heldBytes: streamedWeightBytes(shape), notes: [note] };
}
