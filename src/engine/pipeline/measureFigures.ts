import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { releaseQuietly } from '../../files/release.ts';
import { isEngineError } from '../../protocol/errors.ts';
import type { Figure } from '../../protocol/runRecord.ts';
import type { Timing } from '../../protocol/timing.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { exportOnnx, type ExportOrigin } from '../export/exportOnnx.ts';
import { measureDecoders } from '../export/measure.ts';
import { peakMemoryOf } from '../export/peakMemory.ts';
import type { Storage } from '../export/storage.ts';
import type { QuantisedModel } from '../quantise/quantisedModel.ts';
import { countParameters } from '../model/cost.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Bench } from './workbench.ts';

/** A model to be measured. */
export interface Candidate {
  readonly weights: WeightSource;
  readonly subnet: Subnet;
  /** The integers that its decoder stores; absent where it stores floats. */
  readonly quantised?: QuantisedModel | undefined;
}

/** What is measured of a model besides its perplexity. */
export type Measured = Omit<Figure, 'perplexity' | 'lossNats' | 'evaluatedOn'> & {
  readonly timing: Timing;
};

/** Most tokens of the prompt: long enough for large products, short enough for [T, V] logits. */
export const PROMPT_TOKENS = 256;
/** Most tokens decoded after the prompt in each round. */
export const DECODED_TOKENS = 16;
/** Enough for an interval of 99% to leave out the three fastest and the three slowest rounds. */
export const TIMED_ROUNDS = 15;

/** Name of the model that the times of the others are compared with. */
const DENSE = 'dense';

/** What {@link measureFigures} is told besides the models. */
export interface MeasuringOptions {
  /** For the temporary decoders; removed afterwards. */
  readonly folder: string;
  readonly storage: Storage;
  readonly origin: ExportOrigin;
  /** Text of the prompt, token ids. */
  readonly tokens: Uint32Array;
  /** Told what could not be measured, for people. */
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Size, speed and memory of models as exported ONNX decoders: memory on the CPU in a process for
 * each, times side by side on the device, against the model named `dense` where it is among them.
 * @param models  by name; subnets of equal masks may share one
 * @throws EngineError `disk`, `device`, `cancelled`
 */
export async function measureFigures<Name extends string>(
  { runtime }: Pick<Bench, 'runtime'>,
  models: Readonly<Record<Name, Candidate>>,
  options: MeasuringOptions,
): Promise<Record<Name, Measured>> {
  const { folder, storage, origin, tokens, signal } = options;
  const entries = Object.entries(models) as [Name, Candidate][];
  const positions = Math.min(...entries.map(([, { weights }]) => weights.shape.maxPositions));
  const lengths = timedLengths(positions, tokens.length);
  try {
    const decoders: { name: Name; path: string }[] = [];
    for (const [name, { weights, subnet, quantised }] of entries) {
      const { path } = await exportOnnx(join(folder, name), weights, subnet, {
        ...storage,
        origin,
        signal,
        quantised,
      });
      decoders.push({ name, path });
    }
    const memory: (number | null)[] = [];
    for (const decoder of decoders) {
      memory.push(await memoryOf(decoder, runtime, { ...options, ...lengths }));
    }
    const takenMs = Date.now();
    const measured = await measureDecoders(runtime, decoders, {
      prompt: tokens.slice(0, lengths.promptTokens),
      decodeTokens: lengths.decodedTokens,
      warmUp: 1,
      rounds: TIMED_ROUNDS,
      dense: DENSE,
      signal,
    });
    const { device } = runtime;
    const threads = device === 'cpu' ? runtime.threads : null;
    const results = entries.map(([name, { weights, subnet }], i) => {
      const { bytes, prefill, decode, ratio } = measured[i]!;
      const { total, block } = countParameters(weights.shape, subnet);
      const figure: Measured = {
        params: total,
        blockParams: block,
        bytes,
        prefillMs: prefill.median,
        decodeMs: decode.median,
        timing: {
          takenMs,
          device,
          threads,
          rounds: TIMED_ROUNDS,
          ...lengths,
          prefill: { lower: prefill.lower, upper: prefill.upper },
          decode: { lower: decode.lower, upper: decode.upper },
          ratio,
        },
        peakBytes: memory[i]!,
      };
      return [name, figure] as const;
    });
    return Object.fromEntries(results) as Record<Name, Measured>;
  } finally {
    releaseQuietly(() => {
      rmSync(folder, { recursive: true, force: true });
    });
  }
}

/**
 * Tokens of a timed round: together no more than the model has positions.
 * @param positions  of the model, at least 2
 * @param available  tokens of text, at least 1
 */
export function timedLengths(
  positions: number,
  available: number,
): { readonly promptTokens: number; readonly decodedTokens: number } {
  const decodedTokens = Math.min(DECODED_TOKENS, Math.floor(positions / 2));
  const promptTokens = Math.min(PROMPT_TOKENS, available, positions - decodedTokens);
  return { promptTokens, decodedTokens };
}

async function memoryOf(
  { name, path }: { readonly name: string; readonly path: string },
  { device, threads }: Bench['runtime'],
  { promptTokens, note, signal }: MeasuringOptions & { readonly promptTokens: number },
): Promise<number | null> {
  // Of a GPU the system does not tell what one process takes.
  if (device !== 'cpu') return null;
  try {
    return await peakMemoryOf(path, { threads, promptTokens }, signal);
  } catch (error) {
    if (!isEngineError(error, 'device')) throw error;
    note(`The peak memory of ${name} is not known: ${error.problem.found}.`);
    return null;
  }
}
