import { removeFile } from '../../files/writeFile.ts';
import { releaseQuietly } from '../../files/release.ts';
import { throwIfAborted } from '../../protocol/errors.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { subnetKey } from '../subnet/key.ts';
import { writeExactCopy } from './exactCopy.ts';
import {
  failed,
  LogitComparison,
  type LogitDistance,
  type LogitLimits,
  NO_LIMITS,
} from './logitComparison.ts';
import type { Reference } from './logitReference.ts';
import { OnnxDecoder } from './onnxDecoder.ts';
import { readSubnetCheckpoint } from './readSubnetCheckpoint.ts';
import { type SearchTimeModel, searchTimeLogits } from './searchTimeLogits.ts';

/** What a successful comparison found. */
export type Verified = NonNullable<ExportReport['verified']>;

/**
 * Share of the largest logit that a logit may differ by. Both sides hold the same values and compute
 * in float32, so only the order of additions differs. That moved logits by 5e-7 of the largest in the
 * bundled models and by 2e-6 to 5e-6 in the 30 blocks of SmolLM2-135M; devices add in orders of their
 * own. One wrong row, pair, mask or gain moves some by more than 1e-3.
 */
const ORDER = 2e-4;
/** The same of the root mean square: rounding scatters, so its largest is 4 to 6 times that. */
const ORDER_MEAN = 0.1 * ORDER;

/**
 * Most that rounding activations to signed bytes may cost: it is known only by running it, and this
 * finds a device that computes nonsense. 5e-5 nats were seen in the bundled models and 3e-3 in
 * SmolLM2-135M with blocks of 32; an activation that stands out coarsens its whole block.
 */
const ACTIVATIONS_NATS = 0.25;

/**
 * Reloads an ONNX decoder from disk and compares it: each window as one prompt, and again with its
 * first half as a prompt and the rest token by token through the cache.
 * @param path  model.onnx
 * @param reference  on the values it stores
 * @throws EngineError `verify` when it differs, `device`, `cancelled`
 */
export async function verifyOnnx(
  path: string,
  runtime: Runtime,
  reference: Reference,
  signal?: AbortSignal,
): Promise<Verified> {
  const check = strict(path, reference);
  await compareDecoder(path, { runtime, reference, steps: true, signal }, (...piece) => {
    check.add(...piece);
  });
  return reportOf(reference, check.result(), null);
}

/**
 * Reloads an ONNX decoder with integer weights and compares it with the model that its integers stand
 * for: once told to leave activations alone, which shows that every integer is where it belongs, and
 * then as it is, which shows what rounding its activations costs.
 * @param path  model.onnx
 * @param reference  on the values that its integers stand for
 * @throws EngineError `verify` when it differs, `device`, `disk`, `cancelled`
 */
export async function verifyIntegers(
  path: string,
  runtime: Runtime,
  reference: Reference,
  signal?: AbortSignal,
): Promise<Verified> {
  const exact = writeExactCopy(path);
  const check = strict(path, reference);
  try {
    // Prompts only: for single tokens the runtime's exact path is a slow one.
    await compareDecoder(exact, { runtime, reference, steps: false, signal }, (...piece) => {
      check.add(...piece);
    });
  } finally {
    releaseQuietly(() => {
      removeFile(exact);
    });
  }
  const distance = check.result();
  const asWritten = new LogitComparison(path, reference, 'logits', {
    largest: Infinity,
    rootMeanSquare: Infinity,
    klNats: ACTIVATIONS_NATS,
    lossNats: ACTIVATIONS_NATS,
  });
  await compareDecoder(path, { runtime, reference, steps: true, signal }, (...piece) => {
    asWritten.add(...piece);
  });
  return reportOf(reference, distance, asWritten.result());
}

/**
 * Reloads a sliced checkpoint from disk and compares it.
 * @param dir  its folder
 * @param reference  on the values it stores
 * @throws EngineError `verify` when it differs, `checkpoint` when it cannot be read, `cancelled`
 */
export async function verifyCheckpoint(
  dir: string,
  search: SearchTimeModel,
  reference: Reference,
  signal?: AbortSignal,
): Promise<Verified> {
  const { weights, subnet } = await readSubnetCheckpoint(dir, signal);
  if (subnetKey(subnet) !== subnetKey(reference.subnet)) {
    const [wanted, found] = [subnetKey(reference.subnet), subnetKey(subnet)];
    const sentence = `${dir} holds subnet ${found} instead of ${wanted}.`;
    throw failed(dir, `subnet ${wanted}`, found, sentence);
  }
  const check = strict(dir, reference);
  for (const [i, window] of reference.windows.entries()) {
    check.add(i, 0, await searchTimeLogits(search, weights, subnet, window, signal), 'reloaded');
  }
  await search.forward.forget(weights);
  return reportOf(reference, check.result(), null);
}

type Add = (...piece: Parameters<LogitComparison['add']>) => void;

async function compareDecoder(
  path: string,
  options: {
    readonly runtime: Runtime;
    readonly reference: Reference;
    readonly steps: boolean;
    readonly signal: AbortSignal | undefined;
  },
  add: Add,
): Promise<void> {
  const { runtime, reference, steps, signal } = options;
  const decoder = await OnnxDecoder.open(runtime, path);
  try {
    for (const [i, window] of reference.windows.entries()) {
      throwIfAborted(signal);
      add(i, 0, (await decoder.step([window])).logits, 'as one prompt');
      let cache = decoder.emptyCache(1);
      let from = steps ? 0 : window.length;
      while (from < window.length) {
        throwIfAborted(signal);
        const to = from === 0 ? promptOf(window.length, reference) : from + 1;
        const step = await decoder.step([window.slice(from, to)], cache);
        add(i, from, step.logits, 'through the cache');
        cache = step.cache;
        from = to;
      }
    }
  } finally {
    await decoder.release();
  }
}

/**
 * Tokens of a window that go in at once before the others follow one by one. In a long text they are
 * a long text already: what a shorter one has put into the cache was turned otherwise.
 */
function promptOf(tokens: number, { shortTexts }: Reference): number {
  const half = Math.ceil(tokens / 2);
  return tokens > shortTexts ? Math.max(half, Math.min(tokens, shortTexts + 1)) : half;
}

function strict(what: string, reference: Reference): LogitComparison {
  return new LogitComparison(what, reference, 'logits', limitsOf(reference));
}

/**
 * Logits that move by at most d keep the KL divergence below d²/2 and the loss within 2d. Both are
 * means, so a fifth of the largest difference is all that they may show.
 */
function limitsOf({ largest }: Reference): LogitLimits {
  const moved = 0.2 * ORDER * largest;
  return { largest: ORDER, rootMeanSquare: ORDER_MEAN, klNats: moved ** 2 / 2, lossNats: moved };
}

function reportOf(
  reference: Reference,
  distance: LogitDistance,
  asWritten: LogitDistance | null,
): Verified {
  const { largest, windows } = reference;
  const limits = limitsOf(reference);
  return {
    maxDifference: distance.largest,
    tolerance: limits.largest * largest,
    largestLogit: largest,
    klNats: distance.klNats,
    klTolerance: limits.klNats,
    lossDifferenceNats: distance.lossNats,
    lossTolerance: limits.lossNats,
    tokens: windows.reduce((sum, { length }) => sum + length, 0),
    rounding: roundingOf(reference),
    activations:
      asWritten === null
        ? null
        : {
            klNats: asWritten.klNats,
            lossDifferenceNats: asWritten.lossNats,
            limitNats: ACTIVATIONS_NATS,
          },
  };
}

/** What the values that are stored cost against those of the search. */
function roundingOf(reference: Reference): NonNullable<Verified['rounding']> | null {
  if (reference.searched === reference.logits) return null;
  const cost = new LogitComparison('the stored weights', reference, 'searched', NO_LIMITS);
  reference.logits.forEach((logits, window) => {
    cost.add(window, 0, logits, 'rounded');
  });
  const { klNats, lossNats } = cost.result();
  return { klNats, lossDifferenceNats: lossNats };
}
