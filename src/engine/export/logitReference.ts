import type { WeightSource } from '../checkpoint/weightSource.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Subnet } from '../model/subnet.ts';
import type { SearchTimeModel } from './searchTimeLogits.ts';
import type { Storage } from './storage.ts';
import { isExact, RoundedWeights, type StoredForm } from './storedWeights.ts';

/** Logits that an export must give, against which every form of it is compared. */
export interface Reference {
  readonly subnet: Subnet;
  readonly windows: readonly Uint32Array[];
  /** Per window, [T, V]: the search-time model with the values that the export stores. */
  readonly logits: readonly Float32Array[];
  /** The same with the values of the search; the very arrays where the export stores these. */
  readonly searched: readonly Float32Array[];
  /** Largest magnitude of a logit: the unit of the tolerance. */
  readonly largest: number;
  /** Tokens up to which texts turn otherwise than longer ones; 0 where all turn alike. */
  readonly shortTexts: number;
}

/** What a reference is made of. */
export interface ReferenceModel {
  readonly weights: WeightSource;
  readonly subnet: Subnet;
  /** The model that integers stand for, when the export stores integers. */
  readonly integers?: WeightSource | undefined;
}

/**
 * Runs the search-time model for all comparisons of its exports, on the values that they store. So
 * an export of any element type must give these logits up to the order of additions, and whatever
 * rounding the weights costs is known apart from it.
 *
 * Memory: T·V float32 per window, twice where weights are rounded, so a few windows of some dozens of
 * tokens are enough; besides, the rounded embedding and head and one rounded block.
 * @param windows  token ids
 * @param storage  how floats are stored
 * @throws EngineError `cancelled`, `device`
 */
export async function referenceOf(
  search: SearchTimeModel,
  model: ReferenceModel,
  windows: readonly Uint32Array[],
  storage: Storage,
  signal?: AbortSignal,
): Promise<Reference> {
  const { weights, subnet, integers } = model;
  const searched = await logitsOf(search, { weights, subnet }, windows, signal);
  const form: StoredForm = { storage, integerMaps: integers !== undefined };
  const stored = new RoundedWeights(integers ?? weights, form);
  const logits = isExact(form)
    ? searched
    : await logitsOf(search, { weights: stored, subnet }, windows, signal);
  let largest = 0;
  for (const values of logits) {
    for (const value of values) largest = Math.max(largest, Math.abs(value));
  }
  const { positions } = weights.shape;
  const shortTexts = positions.kind === 'rope' ? (positions.long?.beyond ?? 0) : 0;
  return { subnet, windows, logits, searched, largest, shortTexts };
}

async function logitsOf(
  { forward, head }: SearchTimeModel,
  { weights, subnet }: ReferenceModel,
  windows: readonly Uint32Array[],
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const embedded = await forward.embed(
    weights,
    windows.map((window) => [window]),
  );
  const states = await forward.through(weights, subnet, embedded, { signal });
  try {
    const logits: Float32Array[] = [];
    for (const state of states) logits.push(await head.logits(weights, state));
    return logits;
  } finally {
    releaseTensors(states);
    if (!weights.isHeld) await forward.forget(await weights.once());
  }
}
