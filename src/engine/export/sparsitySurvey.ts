import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import { mapNames, type MapName } from '../../protocol/sparsityRecord.ts';
import { type BitmaskForm, bitmaskStride } from '../checkpoint/bitmaskPacking.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { bytesPerElement, roundedTo, type StoredDtype } from '../checkpoint/storedFloats.ts';
import { rowCount, type StoredPart } from '../checkpoint/storedParts.ts';
import { type FoundPattern, PatternSurvey } from './patternSurvey.ts';
import { type SlicedTensor, slicedValues } from './slicedTensors.ts';
import { dtypeOf, type Storage } from './storage.ts';

/** A linear map of a block that is smaller without its zeros. */
export interface SparseMapPlan {
  readonly tensor: SlicedTensor;
  /** Weights that are not zero once stored. */
  readonly nonzeros: number;
}

/** Where the zeros of a model are, found in the values that are written. */
export interface SparsitySurvey {
  /** Null when no map is worth packing. */
  readonly form: BitmaskForm | null;
  readonly maps: readonly SparseMapPlan[];
  /** Of the packed maps of each kind. */
  readonly kinds: Readonly<Partial<Record<MapName, FoundPattern & { readonly maps: number }>>>;
  /** Zeros among all weights of the file, 0 to 1. */
  readonly zeroFraction: number;
}

/** Bytes of a shape and of one row offset. */
const SHAPE_BYTES = 16;
const OFFSET_BYTES = 8;

/**
 * Looks at every tensor of a sliced model for zeros, as they will be stored.
 *
 * A map is packed when that makes it smaller with its indices counted. The stricter form is chosen
 * when all of these hold at most two of four along their inputs.
 *
 * Memory: a few copies of one tensor.
 * @param tensors  of the sliced model, maps as [outputs, inputs]
 * @param storage  how weights are stored: rounding may make zeros
 * @throws EngineError `cancelled`
 */
export async function surveySparsity(
  weights: WeightSource,
  tensors: readonly SlicedTensor[],
  storage: Storage,
  signal?: AbortSignal,
): Promise<SparsitySurvey> {
  const surveys = new Map<MapName, { survey: PatternSurvey; maps: number }>();
  const maps: SparseMapPlan[] = [];
  let zeros = 0;
  let size = 0;
  for (const tensor of tensors) {
    throwIfAborted(signal);
    await setImmediate();
    const dtype = dtypeOf(storage, tensor.spec.name);
    const values = roundedTo(dtype, await slicedValues(weights, tensor));
    const nonzeros = countNonzeros(values);
    zeros += values.length - nonzeros;
    size += values.length;
    if (!isMap(tensor) || !isSmallerPacked(tensor, nonzeros, dtype)) continue;
    const inputs = tensor.dims[1]!;
    for (const [map, weight] of mapsIn(tensor, values)) {
      const known = surveys.get(map) ?? { survey: new PatternSurvey(), maps: 0 };
      known.survey.add(weight, weight.length / inputs, inputs);
      surveys.set(map, { ...known, maps: known.maps + 1 });
    }
    maps.push({ tensor, nonzeros });
  }
  const kinds = kindsOf(surveys);
  const strict = Object.values(kinds).every(({ twoOfFour }) => twoOfFour);
  const form = strict ? 'sparse-24-bitmask' : 'sparse-bitmask';
  return {
    form: maps.length === 0 ? null : form,
    ...{ maps, kinds, zeroFraction: size === 0 ? 0 : zeros / size },
  };
}

/**
 * True when any map of a sliced model is worth packing; looks no further than the first.
 * @throws EngineError `cancelled`
 */
export async function hasSparseMap(
  weights: WeightSource,
  tensors: readonly SlicedTensor[],
  storage: Storage,
  signal?: AbortSignal,
): Promise<boolean> {
  for (const tensor of tensors) {
    if (!isMap(tensor)) continue;
    throwIfAborted(signal);
    await setImmediate();
    const dtype = dtypeOf(storage, tensor.spec.name);
    const values = roundedTo(dtype, await slicedValues(weights, tensor));
    if (isSmallerPacked(tensor, countNonzeros(values), dtype)) return true;
  }
  return false;
}

function kindsOf(
  surveys: ReadonlyMap<MapName, { readonly survey: PatternSurvey; readonly maps: number }>,
): SparsitySurvey['kinds'] {
  const present = mapNames.flatMap((name) => {
    const known = surveys.get(name);
    return known === undefined ? [] : [[name, { ...known.survey.found, maps: known.maps }]];
  });
  return Object.fromEntries(present) as SparsitySurvey['kinds'];
}

/** True for linear maps of blocks; false for biases, norms and tables. */
function isMap({ spec, dims }: SlicedTensor): boolean {
  return spec.layer !== null && dims.length === 2;
}

/**
 * The maps that a tensor holds, [outputs, inputs] each.
 * @param values  of the tensor, stored in that order
 */
function mapsIn(tensor: SlicedTensor, values: Float32Array): ReadonlyMap<MapName, Float32Array> {
  const mapOf = ({ slot }: StoredPart): MapName => slot.split('.')[0] as MapName;
  if (tensor.parts.length === 1) return new Map([[mapOf(tensor.parts[0]!), values]]);
  const pieces = new Map<MapName, Float32Array[]>();
  let done = 0;
  for (const part of tensor.parts) {
    const end = done + rowCount(part) * tensor.dims[1]!;
    const piece = values.subarray(done, end);
    pieces.set(mapOf(part), [...(pieces.get(mapOf(part)) ?? []), piece]);
    done = end;
  }
  return new Map([...pieces].map(([map, parts]) => [map, joined(parts)]));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let done = 0;
  for (const part of parts) {
    all.set(part, done);
    done += part.length;
  }
  return all;
}

function isSmallerPacked({ dims }: SlicedTensor, nonzeros: number, dtype: StoredDtype): boolean {
  const [outputs = 0, inputs = 0] = dims;
  const size = bytesPerElement(dtype);
  const indices = outputs * (bitmaskStride(inputs) + OFFSET_BYTES) + SHAPE_BYTES;
  return nonzeros * size + indices < outputs * inputs * size;
}

function countNonzeros(values: Float32Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) count += values[i] === 0 ? 0 : 1;
  return count;
}
