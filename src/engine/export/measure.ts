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
  /** Rounds of a visit that are not counted, at least 1: the first run of a session allocates. */
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
  /** Against the dense model, turn by turn; null without one. */
  readonly ratio: Timing['ratio'];
}

/** Milliseconds of one model, by round. */
interface Samples {
  readonly prefill: number[];
  readonly decode: number[];
}

/** A model, and the dense one in the turns beside it. */
interface Pair {
  readonly own: Samples;
  readonly dense: Samples;
}

/**
 * Times in which a model is loaded for a part of its rounds: so the rounds of all models are spread
 * over the same minutes, and a machine that slows down slows all of them.
 */
export const VISITS = 3;

/**
 * Times decoders side by side on one device.
 *
 * The dense model stays loaded, and the others are loaded beside it one after the other, three times
 * for a third of their rounds. In a round the two take turns, and who begins alternates. So the ratio to
 * the dense model is that of two turns in a row, and the time of the dense model in a round is the
 * median of its turns there. Every turn begins with a token that is not timed, so that no model finds
 * its weights in the processor's cache when another does not.
 *
 * Memory: two decoders, see {@link decoderBytes}.
 * @param models  the dense model and its subnets
 * @returns  in the order of the models
 * @throws EngineError `device`, `verify`, `disk`, `cancelled`
 */
export async function measureDecoders(
  runtime: Runtime,
  models: readonly MeasuredModel[],
  options: MeasureOptions,
): Promise<Measurement[]> {
  const dense = models.find(({ name }) => name === options.dense);
  const beside =
    dense === undefined || models.length === 1 ? null : await OnnxDecoder.open(runtime, dense.path);
  const others = beside === null ? models : models.filter((model) => model !== dense);
  const pairs = new Map(others.map((model) => [model, { own: noSamples(), dense: noSamples() }]));
  try {
    for (const rounds of visitsOf(options.rounds)) {
      for (const [{ path }, pair] of pairs) {
        const decoder = await OnnxDecoder.open(runtime, path);
        try {
          const turns: Turn[] = [{ decoder, samples: pair.own }];
          if (beside !== null) turns.push({ decoder: beside, samples: pair.dense });
          await takeTurns(turns, rounds, options);
        } finally {
          await decoder.release();
        }
      }
    }
  } finally {
    await beside?.release();
  }
  return Promise.all(
    models.map(async (model) => {
      const pair = pairs.get(model);
      const own = pair?.own ?? mediansOf([...pairs.values()]);
      return {
        name: model.name,
        bytes: await bytesOf(model.path),
        prefill: spreadOf(own.prefill),
        decode: spreadOf(own.decode),
        ratio: dense === undefined ? null : ratioOf(own, model === dense ? own : pair!.dense),
      };
    }),
  );
}

/** Rounds of each visit; the first ones have those that do not divide. */
function visitsOf(rounds: number): number[] {
  const each = Array.from({ length: VISITS }, (_, visit) => Math.ceil((rounds - visit) / VISITS));
  return each.filter((count) => count > 0);
}

/** A decoder, and where its times go. */
interface Turn {
  readonly decoder: OnnxDecoder;
  readonly samples: Samples;
}

async function takeTurns(
  turns: readonly Turn[],
  rounds: number,
  options: MeasureOptions,
): Promise<void> {
  for (let round = -options.warmUp; round < rounds; round++) {
    for (const { decoder, samples } of round % 2 === 0 ? turns : [...turns].reverse()) {
      const { prefill, decode } = await timeOnce(decoder, options);
      if (round < 0) continue;
      samples.prefill.push(prefill);
      samples.decode.push(decode);
    }
  }
}

/** Of each round, the median of the dense model's turns. */
function mediansOf(pairs: readonly Pair[]): Samples {
  const of = (step: keyof Samples): number[] =>
    pairs[0]!.dense[step].map((_, i) => spreadOf(pairs.map(({ dense }) => dense[step][i]!)).median);
  return { prefill: of('prefill'), decode: of('decode') };
}

function noSamples(): Samples {
  return { prefill: [], decode: [] };
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
