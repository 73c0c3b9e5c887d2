import type {
  LayerWeights,
  Linear,
  ModelWeights,
  NormWeights,
} from '../checkpoint/modelWeights.ts';
import { decodeFloats, encodeFloats, type StoredDtype } from '../checkpoint/storedFloats.ts';

/** How an export stores a model. */
export interface Storage {
  /** Element type of floats. */
  readonly dtype: StoredDtype;
  /** True when the linear maps of the blocks are integers: the values these stand for are exact. */
  readonly integerMaps: boolean;
}

/**
 * The model outside its blocks, with the values that an export stores.
 *
 * Memory: the embedding and the head once more, unless they are stored as they are.
 * @returns  the layers are those of the model itself, see {@link storedLayer}
 */
export function storedEdges(weights: ModelWeights, { dtype }: Storage): ModelWeights {
  if (dtype === 'F32') return weights;
  const { embedding, head, positionTable, finalNorm } = weights;
  const stored = roundTo(embedding, dtype);
  return {
    ...weights,
    embedding: stored,
    head: head === embedding ? stored : roundTo(head, dtype),
    positionTable: positionTable === null ? null : roundTo(positionTable, dtype),
    finalNorm: storedNorm(finalNorm, dtype),
  };
}

/** A block with the values that an export stores. Memory: the block once more. */
export function storedLayer(layer: LayerWeights, storage: Storage): LayerWeights {
  const { dtype, integerMaps } = storage;
  if (dtype === 'F32') return layer;
  const linear = ({ weight, bias }: Linear): Linear => ({
    weight: integerMaps ? weight : roundTo(weight, dtype),
    bias: bias === null ? null : roundTo(bias, dtype),
  });
  return {
    attentionNorm: storedNorm(layer.attentionNorm, dtype),
    q: linear(layer.q),
    k: linear(layer.k),
    v: linear(layer.v),
    o: linear(layer.o),
    mlpNorm: storedNorm(layer.mlpNorm, dtype),
    gate: layer.gate === null ? null : linear(layer.gate),
    up: linear(layer.up),
    down: linear(layer.down),
  };
}

function storedNorm({ gain, shift }: NormWeights, dtype: StoredDtype): NormWeights {
  return { gain: roundTo(gain, dtype), shift: shift === null ? null : roundTo(shift, dtype) };
}

/** Values after a way to the disk and back. */
function roundTo(values: Float32Array, dtype: StoredDtype): Float32Array {
  const bytes = new Uint8Array(2 * values.length);
  encodeFloats(dtype, values, bytes);
  const rounded = new Float32Array(values.length);
  decodeFloats(dtype, bytes, rounded);
  return rounded;
}
