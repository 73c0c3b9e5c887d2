import { EngineError } from '../../protocol/errors.ts';
import { childProgram, deathOf, runChild } from '../processes/childProgram.ts';
import { GraphBuilder } from '../onnx/graphBuilder.ts';
import { Runtime, tensorOf } from '../runtime/runtime.ts';
import { OnnxDecoder } from './onnxDecoder.ts';
import { peakBytes, watchPeak } from './residentMemory.ts';

/** What the memory process sends, once. */
export type MemoryMessage =
  | { readonly kind: 'measured'; readonly addedBytes: number | null }
  | { readonly kind: 'failed'; readonly message: string };

/** What is run through a decoder while its memory is watched. */
export interface MemoryOptions {
  /** CPU threads. */
  readonly threads: number;
  /** Tokens of the prompt; one more is decoded after it. */
  readonly promptTokens: number;
}

/** Loading some gigabytes from a slow disk takes minutes; a process that hangs takes for ever. */
const TIMEOUT_MS = 600_000;

/**
 * Peak memory of a decoder on the CPU: what loading it and running one prompt and one token add to
 * the resident memory of a fresh process in which ONNX Runtime has already computed something. So it
 * holds the weights as the runtime keeps them, the activations and the logits of the prompt, but
 * neither Node nor the library.
 * @param path  model.onnx, with its data file beside it
 * @returns  bytes; null where the system does not tell
 * @throws EngineError `device` when the process fails; `cancelled`
 */
export async function peakMemoryOf(
  path: string,
  { threads, promptTokens }: MemoryOptions,
  signal?: AbortSignal,
): Promise<number | null> {
  const args = [path, String(threads), String(promptTokens)];
  const end = await runChild<MemoryMessage>(childProgram('memory'), args, {
    timeoutMs: TIMEOUT_MS,
    signal,
  });
  if (end.message?.kind === 'measured') return end.message.addedBytes;
  const death = end.timedOut ? `no answer within ${TIMEOUT_MS / 60_000} min` : deathOf(end);
  throw new EngineError('device', {
    what: 'Measuring the memory of a decoder',
    expected: 'a process that loads it and runs a prompt',
    found: end.message?.message ?? death,
    action: 'Close other programs if memory is short.',
    sentence: `The memory of a decoder could not be measured: ${end.message?.message ?? death}.`,
  });
}

/**
 * What the memory process does; only in a process of its own is the result the decoder's.
 * @returns  as {@link peakMemoryOf}
 * @throws EngineError `verify` when the file is no decoder, `device`
 */
export async function memoryAddedHere(
  path: string,
  { threads, promptTokens }: MemoryOptions,
): Promise<number | null> {
  const runtime = new Runtime('cpu', threads);
  await loadLibrary(runtime);
  const before = watchPeak();
  const decoder = await OnnxDecoder.open(runtime, path);
  const { cache } = await decoder.step([new Uint32Array(promptTokens)]);
  await decoder.step([new Uint32Array(1)], cache);
  const after = peakBytes();
  await runtime.release();
  return before === null || after === null ? null : Math.max(0, after - before);
}

/** Computes something small, so that the library and its threads are not counted. */
async function loadLibrary(runtime: Runtime): Promise<void> {
  const graph = new GraphBuilder('nothing');
  const x = graph.input('x', 'float32', [1]);
  graph.output('y', graph.op('Add', [x, x]), 'float32', [1]);
  const session = await runtime.session(graph.build());
  await session.run({ x: tensorOf(new Float32Array(1), [1]) });
}
