import { stat } from 'node:fs/promises';
import { join, dirname, basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type DecoderCache, OnnxDecoder } from './onnxDecoder.ts';
import { resetPeak, residentBytes } from './residentMemory.ts';

/** An exported decoder to be timed. */
export interface MeasuredModel {
  readonly name: string;
  /** model.onnx, with its data file beside it. */
  readonly path: string;
}

/** How decoders are timed. */
export interface MeasureOptions {
  /** Prompt, token ids; its length is T. */
  readonly prompt: Uint32Array;
  /** Tokens decoded after the prompt, each timed. */
  readonly decodeTokens: number;
  /** Rounds that are not counted, at least 1: the first run of a session allocates. */
  readonly warmUp: number;
  /** Rounds that are. */
  readonly rounds: number;
  readonly signal?: AbortSignal | undefined;
}

/** Times of one kind of step. */
export interface Timing {
  readonly medianMs: number;
  readonly lowerQuartileMs: number;
  readonly upperQuartileMs: number;
  readonly samples: number;
}

/** What was measured of one model. */
export interface Measurement {
  readonly name: string;
  /** Bytes of model.onnx and its data file. */
  readonly bytes: number;
  /** One prompt of T tokens, logits of all positions included. */
  readonly prefill: Timing;
  /** One token through the cache, after the prompt. */
  readonly decode: Timing;
  /**
   * Peak resident memory of this whole process while this model alone was loaded and run, with what
   * the process held before; null where the system does not tell.
   */
  readonly peakBytes: number | null;
  /** Resident memory of the process just before it was loaded; null as above. */
  readonly baselineBytes: number | null;
}

/**
 * Measures decoders side by side on one device.
 *
 * Memory is taken first, with one model loaded at a time. Then all are loaded and take turns round
 * by round, in alternating order, so that a machine that slows down slows all of them alike.
 * Needs the memory of all models at once.
 * @param models  the dense model and its subnets
 * @returns  in the order of the models
 * @throws EngineError `device`, `cancelled`
 */
export async function measureDecoders(
  runtime: Runtime,
  models: readonly MeasuredModel[],
  options: MeasureOptions,
): Promise<Measurement[]> {
  const memory: Pick<Measurement, 'peakBytes' | 'baselineBytes'>[] = [];
  for (const { path } of models) memory.push(await peakOf(runtime, path, options));
  const decoders: OnnxDecoder[] = [];
  try {
    for (const { path } of models) decoders.push(await OnnxDecoder.open(runtime, path));
    const samples = models.map(() => ({ prefill: [] as number[], decode: [] as number[] }));
    for (let round = -options.warmUp; round < options.rounds; round++) {
      for (let turn = 0; turn < models.length; turn++) {
        const i = round % 2 === 0 ? turn : models.length - 1 - turn;
        const { prefill, decode } = await timeOnce(decoders[i]!, options);
        if (round < 0) continue;
        samples[i]!.prefill.push(prefill);
        samples[i]!.decode.push(...decode);
      }
    }
    return await Promise.all(
      models.map(async ({ name, path }, i) => ({
        name,
        bytes: await bytesOf(path),
        prefill: timingOf(samples[i]!.prefill),
        decode: timingOf(samples[i]!.decode),
        ...memory[i]!,
      })),
    );
  } finally {
    for (const decoder of decoders) await decoder.release();
  }
}

/**
 * Median and quartiles of samples, by linear interpolation.
 * @param samples  milliseconds, at least one
 */
export function timingOf(samples: readonly number[]): Timing {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const low = sorted[Math.floor(place)]!;
    return low + (place - Math.floor(place)) * (sorted[Math.ceil(place)]! - low);
  };
  return {
    medianMs: at(0.5),
    lowerQuartileMs: at(0.25),
    upperQuartileMs: at(0.75),
    samples: sorted.length,
  };
}

async function timeOnce(
  decoder: OnnxDecoder,
  options: MeasureOptions,
): Promise<{ prefill: number; decode: number[] }> {
  const [prefill, first] = await timed(decoder, options.prompt, undefined, options.signal);
  const decode: number[] = [];
  let cache = first;
  for (let i = 0; i < options.decodeTokens; i++) {
    // Which token it is does not matter for the time; those of the prompt are valid ones.
    const token = options.prompt.subarray(
      i % options.prompt.length,
      (i % options.prompt.length) + 1,
    );
    const [elapsed, next] = await timed(decoder, token, cache, options.signal);
    decode.push(elapsed);
    cache = next;
  }
  return { prefill, decode };
}

async function timed(
  decoder: OnnxDecoder,
  tokens: Uint32Array,
  cache: DecoderCache | undefined,
  signal: AbortSignal | undefined,
): Promise<[ms: number, cache: DecoderCache]> {
  throwIfAborted(signal);
  // Native calls block the event loop; this lets a cancel message in.
  await setImmediate();
  const start = performance.now();
  const step = await decoder.step([tokens], cache);
  return [performance.now() - start, step.cache];
}

async function peakOf(
  runtime: Runtime,
  path: string,
  options: MeasureOptions,
): Promise<Pick<Measurement, 'peakBytes' | 'baselineBytes'>> {
  if (!(await resetPeak())) return { peakBytes: null, baselineBytes: null };
  const before = await residentBytes();
  const decoder = await OnnxDecoder.open(runtime, path);
  try {
    await timeOnce(decoder, { ...options, decodeTokens: 1 });
    const after = await residentBytes();
    if (before === null || after === null) return { peakBytes: null, baselineBytes: null };
    // The kernel counts pages in batches, so its high-water mark may lag behind what it just said.
    return { peakBytes: Math.max(after.peak, before.now), baselineBytes: before.now };
  } finally {
    await decoder.release();
  }
}

async function bytesOf(path: string): Promise<number> {
  const data = join(dirname(path), `${basename(path)}.data`);
  const model = (await stat(path)).size;
  // A tiny model may have all its weights in the model file; its data file is then empty.
  return model + (await stat(data)).size;
}
