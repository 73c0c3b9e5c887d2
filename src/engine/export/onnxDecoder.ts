import { fromBinary } from '@bufbuild/protobuf';
import { missingFile, readPlain } from '../../files/plainFile.ts';
import { EngineError } from '../../protocol/errors.ts';
import { type ModelProto, ModelProtoSchema } from '../onnx/proto/onnx_pb.ts';
import {
  float32Of,
  type Runtime,
  type Session,
  type Tensor,
  tensorOf,
} from '../runtime/runtime.ts';

/** Largest model file, bytes: protobuf's own limit. The weights lie beside it. */
const MOST_MODEL_BYTES = 2 ** 31 - 1;

/** Named cache tensors between two steps, and the tokens they hold. */
export interface DecoderCache {
  readonly length: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** Result of one step. */
export interface DecoderStep {
  /** [B, T, V] */
  readonly logits: Float32Array;
  readonly cache: DecoderCache;
}

/** An exported ONNX decoder, loaded from disk by ONNX Runtime alone. */
export class OnnxDecoder {
  readonly #session: Session;
  readonly #widths: ReadonlyMap<string, number>;
  readonly #needsLength: boolean;

  private constructor(session: Session, widths: ReadonlyMap<string, number>) {
    this.#session = session;
    this.#widths = widths;
    this.#needsLength = session.inputNames.includes('past_length');
  }

  /**
   * Loads a decoder.
   * @param path  model.onnx, with its data file beside it
   * @throws EngineError `verify` when the file is no such decoder, `device` when it cannot be loaded
   */
  static async open(runtime: Runtime, path: string): Promise<OnnxDecoder> {
    const widths = cacheInputs(path);
    return new OnnxDecoder(await runtime.session(path), widths);
  }

  /** The cache before the first token. */
  emptyCache(batch: number): DecoderCache {
    const tensors = [...this.#widths].map(
      ([name, width]) => [name, tensorOf(new Float32Array(0), [batch, 0, width])] as const,
    );
    return { length: 0, tensors: Object.fromEntries(tensors) };
  }

  /**
   * Runs the decoder on the next tokens of a batch.
   * @param ids  [B] sequences of one length T
   * @param cache  what the step before returned; the start when absent
   */
  async step(
    ids: readonly Uint32Array[],
    cache: DecoderCache = this.emptyCache(ids.length),
  ): Promise<DecoderStep> {
    const time = ids[0]?.length ?? 0;
    const data = BigInt64Array.from(ids.flatMap((row) => Array.from(row, BigInt)));
    const outputs = await this.#session.run({
      input_ids: tensorOf(data, [ids.length, time]),
      ...cache.tensors,
      ...(this.#needsLength
        ? { past_length: tensorOf(BigInt64Array.of(BigInt(cache.length)), [1]) }
        : {}),
    });
    const tensors: Record<string, Tensor> = {};
    for (const name of this.#widths.keys()) {
      tensors[name] = outputs[name.replace('past_', 'present_')] as Tensor;
    }
    return {
      logits: float32Of(outputs['logits'] as Tensor),
      cache: { length: cache.length + time, tensors },
    };
  }

  /** Frees the session. */
  release(): Promise<void> {
    return this.#session.release();
  }
}

/** Names and widths of the cache inputs, as the model file declares them. */
function cacheInputs(path: string): ReadonlyMap<string, number> {
  const widths = new Map<string, number>();
  for (const { name, type } of readModel(path).graph?.input ?? []) {
    if (!/^past_\d+_(key|value)$/.test(name)) continue;
    const dims = type?.value.case === 'tensorType' ? type.value.value.shape?.dim : undefined;
    const width = dims?.[2]?.value;
    if (width?.case !== 'dimValue') throw noDecoder(path, `no width of ${name}`);
    widths.set(name, Number(width.value));
  }
  return widths;
}

/**
 * Reads the model file of a decoder.
 * @throws EngineError `verify` when it is none
 */
export function readModel(path: string): ModelProto {
  try {
    const bytes = readPlain(path, { links: 'refused', mostBytes: MOST_MODEL_BYTES });
    if (bytes === undefined) throw missingFile(path);
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw noDecoder(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function noDecoder(path: string, found: string, cause?: unknown): EngineError {
  return new EngineError(
    'verify',
    {
      what: path,
      expected: 'an ONNX decoder written by this program',
      found,
      action: 'Export it again.',
      sentence: `${path} is no ONNX decoder written by this program: ${found.replace(/\.$/, '')}.`,
    },
    { cause },
  );
}
