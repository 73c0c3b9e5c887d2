import { stat } from 'node:fs/promises';
import { join, dirname, basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import type { Timing } from '../../protocol/timing.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type DecoderCache, OnnxDecoder } from './onnxDecoder.ts';
import { pairedRatio, type Spread, spreadOf } from './timingStatistics.ts';

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
  /** Rounds that are; with fewer than 8 no ratio can be told. */
  readonly rounds: number;
  /** Name of the model that the others are compared with; absent or not there: none. */
  readonly dense?: string;
  readonly signal?: AbortSignal | undefined;
}

/** What was measured of one model. */
export interface Measurement {
  readonly name: string;
  /** Bytes of model.onnx and its data file. */
  readonly bytes: number;
  /** One prompt of T tokens, logits of all positions included; milliseconds, over the rounds. */
  readonly prefill: Spread;
  /** One token through the cache, after the prompt: the median of a round, over the rounds. */
  readonly decode: Spread;
  /** Against the dense model, round by round; null without one. */
  readonly ratio: Timing['ratio'];
}

/** Milliseconds of one model, by round. */
interface Samples {
  readonly prefill: number[];
  readonly decode: number[];
}

/**
 * Times decoders side by side on one device.
 *
 * All are loaded and take turns round by round, in rotating order, so that a machine that slows down
 * slows all of them alike. Every turn begins with a token that is not timed, so that no model finds
 * its weights in the processor's cache when another does not.
 * Needs the memory of all models at once.
 * @param models  the dense model and its subnets
 * @returns  in the order of the models
 * @throws EngineError `device`, `verify`, `disk`, `cancelled`
 */
export async function measureDecoders(
  runtime: Runtime,
  models: readonly MeasuredModel[],
  options: MeasureOptions,
): Promise<Measurement[]> {
  const decoders: OnnxDecoder[] = [];
  try {
    for (const { path } of models) decoders.push(await OnnxDecoder.open(runtime, path));
    const samples = models.map((): Samples => ({ prefill: [], decode: [] }));
    for (let round = -options.warmUp; round < options.rounds; round++) {
      for (let turn = 0; turn < models.length; turn++) {
        const i = (turn + options.warmUp + round) % models.length;
        const { prefill, decode } = await timeOnce(decoders[i]!, options);
        if (round < 0) continue;
        samples[i]!.prefill.push(prefill);
        samples[i]!.decode.push(decode);
      }
    }
    const dense = samples[models.findIndex(({ name }) => name === options.dense)];
    return await Promise.all(
      models.map(async ({ name, path }, i) => ({
        name,
        bytes: await bytesOf(path),
        prefill: spreadOf(samples[i]!.prefill),
        decode: spreadOf(samples[i]!.decode),
        ratio: dense === undefined ? null : ratioOf(samples[i]!, dense),
      })),
    );
  } finally {
    for (const decoder of decoders) await decoder.release();
  }
}

function ratioOf(own: Samples, dense: Samples): Timing['ratio'] {
  const prefill = pairedRatio(own.prefill, dense.prefill);
  const decode = pairedRatio(own.decode, dense.decode);
  return prefill === null || decode === null ? null : { prefill, decode };
}

async function timeOnce(
  decoder: OnnxDecoder,
  options: MeasureOptions,
): Promise<{ prefill: number; decode: number }> {
  const { prompt, decodeTokens, signal } = options;
  // Which token it is does not matter for the time; those of the prompt are valid ones.
  const token = (i: number): Uint32Array => {
    const place = i % prompt.length;
    return prompt.subarray(place, place + 1);
  };
  await timed(decoder, token(0), undefined, signal);
  const [prefill, first] = await timed(decoder, prompt, undefined, signal);
  const decode: number[] = [];
  let cache = first;
  for (let i = 0; i < decodeTokens; i++) {
    const [elapsed, next] = await timed(decoder, token(i), cache, signal);
    decode.push(elapsed);
    cache = next;
  }
  return { prefill, decode: spreadOf(decode).median };
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

async function bytesOf(path: string): Promise<number> {
  const data = join(dirname(path), `${basename(path)}.data`);
  const model = (await stat(path)).size;
  // A tiny model may have all its weights in the model file; its data file is then empty.
  return model + (await stat(data)).size;
}
