import { rm } from 'node:fs/promises';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import type { StoredDtype } from '../checkpoint/storedFloats.ts';
import { subnetKey } from '../subnet/key.ts';
import type { Subnet } from '../subnet/subnet.ts';
import { writeExactCopy } from './exactCopy.ts';
import { OnnxDecoder } from './onnxDecoder.ts';
import { readSubnetCheckpoint } from './readSubnetCheckpoint.ts';
import { type SearchTimeModel, searchTimeLogits } from './searchTimeLogits.ts';

/** What a successful comparison found. */
export type Verified = NonNullable<ExportReport['verified']>;

/** A candidate's logits as the search computed them, against which every form is compared. */
export interface Reference {
  readonly subnet: Subnet;
  readonly windows: readonly Uint32Array[];
  /** Per window, [T, V] */
  readonly logits: readonly Float32Array[];
  /** Root mean square of all logits: the unit of the tolerance. */
  readonly scale: number;
}

/**
 * Largest logit difference accepted, as a share of the root mean square of the logits.
 *
 * float32: another order of additions moves logits by about 1e-5; a wrong row, pair or mask by more
 * than 0.1. Half types store each weight to 2⁻¹¹ or 2⁻⁸, and the differences of all layers add up.
 */
export const TOLERANCES: Readonly<Record<StoredDtype, number>> = {
  F32: 1e-3,
  F16: 3e-2,
  BF16: 0.25,
};

/**
 * The same for a decoder that rounds activations to signed bytes. Its integers are compared without
 * that rounding; this is only to find a device that computes nonsense. Root mean squares of 0.006 were
 * seen in the bundled model and of 0.03 in SmolLM2-135M with blocks of 32, 0.06 with blocks of 128:
 * an activation that stands out coarsens its whole block.
 */
export const INTEGER_TOLERANCE = 1;

/**
 * The root mean square of all differences may be at most this share of the tolerance: rounding
 * scatters, so its largest difference is 4 to 6 times its root mean square, while a wrong row or a
 * stale weight shifts most logits.
 */
const MEAN_SHARE = 0.2;

/**
 * Runs the search-time model once, for all comparisons of its exports.
 *
 * Memory: T·V float32 per window, so a few windows of some dozens of tokens are enough.
 * @param windows  token ids
 * @throws EngineError `cancelled`
 */
export async function referenceOf(
  search: SearchTimeModel,
  weights: ModelWeights,
  subnet: Subnet,
  windows: readonly Uint32Array[],
  signal?: AbortSignal,
): Promise<Reference> {
  const logits: Float32Array[] = [];
  let squares = 0;
  let count = 0;
  for (const window of windows) {
    const values = await searchTimeLogits(search, weights, subnet, window, signal);
    for (const value of values) squares += value * value;
    count += values.length;
    logits.push(values);
  }
  return { subnet, windows, logits, scale: Math.sqrt(squares / Math.max(1, count)) };
}

/**
 * Reloads an ONNX decoder from disk and compares it: each window as one prompt, and again with its
 * first half as a prompt and the rest token by token through the cache.
 * @param path  model.onnx
 * @param dtype  how its weights are stored
 * @throws EngineError `verify` when it differs, `device`, `cancelled`
 */
export async function verifyOnnx(
  path: string,
  dtype: StoredDtype,
  search: SearchTimeModel,
  reference: Reference,
  signal?: AbortSignal,
): Promise<Verified> {
  const check = new Comparison(path, reference, TOLERANCES[dtype]);
  await compareDecoder(check, path, search, { reference, steps: true }, signal);
  return check.result();
}

/**
 * Reloads an ONNX decoder with integer weights and compares it with the model that its integers stand
 * for: once told to leave activations alone, which shows that every integer is where it belongs, and
 * then as it is.
 * @param path  model.onnx
 * @param dtype  how its other weights are stored
 * @returns  of the decoder as it is
 * @throws EngineError `verify` when it differs, `device`, `disk`, `cancelled`
 */
export async function verifyIntegers(
  path: string,
  dtype: StoredDtype,
  search: SearchTimeModel,
  reference: Reference,
  signal?: AbortSignal,
): Promise<Verified> {
  const exact = writeExactCopy(path);
  try {
    const check = new Comparison(path, reference, TOLERANCES[dtype]);
    // Prompts only: for single tokens the runtime's exact path is a slow one.
    await compareDecoder(check, exact, search, { reference, steps: false }, signal);
    check.result();
  } finally {
    await rm(exact, { force: true });
  }
  const check = new Comparison(path, reference, INTEGER_TOLERANCE);
  await compareDecoder(check, path, search, { reference, steps: true }, signal);
  return check.result();
}

async function compareDecoder(
  check: Comparison,
  path: string,
  search: SearchTimeModel,
  { reference, steps }: { readonly reference: Reference; readonly steps: boolean },
  signal: AbortSignal | undefined,
): Promise<void> {
  const decoder = await OnnxDecoder.open(search.forward.runtime, path);
  try {
    for (const [i, window] of reference.windows.entries()) {
      throwIfAborted(signal);
      check.add(i, 0, (await decoder.step([window])).logits, 'as one prompt');
      let cache = decoder.emptyCache(1);
      let from = steps ? 0 : window.length;
      while (from < window.length) {
        throwIfAborted(signal);
        const to = from === 0 ? Math.ceil(window.length / 2) : from + 1;
        const step = await decoder.step([window.slice(from, to)], cache);
        check.add(i, from, step.logits, 'through the cache');
        cache = step.cache;
        from = to;
      }
    }
  } finally {
    await decoder.release();
  }
}

/**
 * Reloads a sliced checkpoint from disk and compares it.
 * @param dir  its folder
 * @throws EngineError `verify` when it differs, `checkpoint` when it cannot be read, `cancelled`
 */
export async function verifyCheckpoint(
  dir: string,
  dtype: StoredDtype,
  search: SearchTimeModel,
  reference: Reference,
  signal?: AbortSignal,
): Promise<Verified> {
  const { weights, subnet } = await readSubnetCheckpoint(dir, signal);
  if (subnetKey(subnet) !== subnetKey(reference.subnet)) {
    throw failed(dir, `subnet ${subnetKey(reference.subnet)}`, subnetKey(subnet));
  }
  return verifyCandidate(dir, dtype, search, { weights, subnet }, reference, signal);
}

/**
 * Compares a candidate that was reloaded by the caller, e.g. from a subnet config.
 * @param what  its path, for messages
 * @throws EngineError `verify` when it differs, `cancelled`
 */
export async function verifyCandidate(
  what: string,
  dtype: StoredDtype,
  search: SearchTimeModel,
  candidate: { readonly weights: ModelWeights; readonly subnet: Subnet },
  reference: Reference,
  signal?: AbortSignal,
): Promise<Verified> {
  const check = new Comparison(what, reference, TOLERANCES[dtype]);
  const { weights, subnet } = candidate;
  for (const [i, window] of reference.windows.entries()) {
    check.add(i, 0, await searchTimeLogits(search, weights, subnet, window, signal), 'reloaded');
  }
  return check.result();
}

/** Collects differences of logits and throws at the first that is too large. */
class Comparison {
  readonly #what: string;
  readonly #reference: Reference;
  readonly #tolerance: number;
  #max = 0;
  #squares = 0;
  #count = 0;

  /** @param share  largest difference, as a share of the root mean square of the logits */
  constructor(what: string, reference: Reference, share: number) {
    this.#what = what;
    this.#reference = reference;
    this.#tolerance = share * reference.scale;
  }

  /** Compares logits of a window from one of its tokens on. */
  add(window: number, from: number, logits: Float32Array, how: string): void {
    const all = this.#reference.logits[window]!;
    const vocab = all.length / this.#reference.windows[window]!.length;
    const expected = all.subarray(from * vocab);
    if (logits.length > expected.length || (from === 0 && logits.length % vocab !== 0)) {
      throw failed(this.#what, `at most ${expected.length} logits`, `${logits.length}`);
    }
    for (let i = 0; i < logits.length; i++) {
      const difference = Math.abs(logits[i]! - expected[i]!);
      // Not "greater than": a NaN must fail too.
      if (!(difference <= this.#tolerance)) {
        const where = `token ${from + Math.floor(i / vocab)} of window ${window}, ${how}`;
        const expectation = `logits within ${this.#tolerance.toPrecision(3)} of the search-time model`;
        throw failed(this.#what, expectation, `a difference of ${difference} at ${where}`);
      }
      this.#max = Math.max(this.#max, difference);
      this.#squares += difference * difference;
    }
    this.#count += logits.length;
  }

  result(): Verified {
    const mean = Math.sqrt(this.#squares / Math.max(1, this.#count));
    if (mean > MEAN_SHARE * this.#tolerance) {
      const allowed = (MEAN_SHARE * this.#tolerance).toPrecision(3);
      const expectation = `logits within ${allowed} of the search-time model in root mean square`;
      throw failed(this.#what, expectation, mean.toPrecision(3));
    }
    return {
      maxDifference: this.#max,
      tolerance: this.#tolerance,
      tokens: this.#reference.windows.reduce((sum, { length }) => sum + length, 0),
    };
  }
}

function failed(what: string, expected: string, found: string): EngineError {
  const action = 'Do not use this export. Write it again; if it fails again, report it.';
  return new EngineError('verify', { what, expected, found, action });
}
