import * as ort from './ort.ts';
import { EngineError } from '../../protocol/errors.ts';
import { GraphBuilder } from '../onnx/graphBuilder.ts';
import { releaseTensors } from './deviceTensors.ts';
import { classifyDeviceError } from './devicesClassify.ts';

/** Execution providers this engine can ask ONNX Runtime for. */
export type DeviceName = 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';

/** A tensor in host memory or on the device. Host data is a view: it is neither copied nor owned. */
export type Tensor = ort.Tensor;

/** Typed arrays a tensor can be made of. */
export type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array;

/** Options of {@link Runtime.session}. */
export interface SessionOptions {
  /** Leave outputs on the device (GPU only); fetch them with {@link Runtime.download}. */
  readonly keepOnDevice?: boolean;
}

ort.env.logLevel = 'error';

/**
 * The only door to ONNX Runtime: makes sessions and tensors for one device.
 *
 * Every native call is synchronous inside and blocks this process's event loop, so callers yield
 * between calls (RUNTIME section 7). Exactly one GPU provider is given to a session and none falls
 * back silently: a provider that cannot be used throws.
 */
export class Runtime {
  readonly device: DeviceName;
  /** Intra-operator threads of a session. */
  readonly threads: number;
  readonly #sessions = new Set<Session>();
  readonly #copies = new Map<number, Promise<Copies>>();
  readonly #uploaded = new Set<Tensor>();

  /**
   * @param device  execution provider
   * @param threads  intra-operator threads; at most the physical cores, more is slower
   */
  constructor(device: DeviceName, threads: number) {
    this.device = device;
    this.threads = threads;
  }

  /** True when tensors of this runtime live in device memory. */
  get onDevice(): boolean {
    return this.device === 'webgpu';
  }

  /**
   * Makes a session from an encoded model or from the path of a model file.
   * @throws EngineError `device` when the provider refuses
   */
  async session(model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
    const settings: ort.InferenceSession.SessionOptions = {
      executionProviders: [this.device],
      intraOpNumThreads: this.threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Many small sessions alternate; spinning pools would fight for the cores.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      ...(options.keepOnDevice === true && this.onDevice
        ? { preferredOutputLocation: 'gpu-buffer' as const }
        : {}),
    };
    try {
      const inner =
        typeof model === 'string'
          ? await ort.InferenceSession.create(model, settings)
          : await ort.InferenceSession.create(model, settings);
      const session = new Session(inner, () => this.#sessions.delete(session));
      this.#sessions.add(session);
      return session;
    } catch (cause) {
      throw deviceError(
        `Device "${this.device}"`,
        'ONNX Runtime to accept a graph',
        cause,
        'could not load a graph',
      );
    }
  }

  /** Brings a host tensor to the device; on the CPU it is the same tensor. */
  async upload(tensor: Tensor): Promise<Tensor> {
    if (!this.onDevice) return tensor;
    const { up } = await this.#copiesOf(tensor.dims.length);
    const uploaded = await up.run1({ x: tensor });
    this.#uploaded.add(uploaded);
    return uploaded;
  }

  /** Frees a tensor that was brought to the device. */
  discard(uploaded: Tensor): void {
    if (this.#uploaded.delete(uploaded)) releaseTensors([uploaded]);
  }

  /** Brings a device tensor to the host; on the CPU it is the same tensor. */
  async download(tensor: Tensor): Promise<Tensor> {
    if (tensor.location === 'cpu') return tensor;
    const { down } = await this.#copiesOf(tensor.dims.length);
    return down.run1({ x: tensor });
  }

  /** Releases every session made here and every tensor brought to the device. Never throws. */
  async release(): Promise<void> {
    this.#copies.clear();
    releaseTensors(this.#uploaded);
    this.#uploaded.clear();
    for (const session of [...this.#sessions]) await session.release();
  }

  /** One graph on both sides of the bus: `getData()` on a GPU tensor aborts the process (RUNTIME 3). */
  #copiesOf(rank: number): Promise<Copies> {
    let copies = this.#copies.get(rank);
    if (copies === undefined) {
      copies = this.#makeCopies(rank);
      this.#copies.set(rank, copies);
    }
    return copies;
  }

  async #makeCopies(rank: number): Promise<Copies> {
    const dims = Array.from({ length: rank }, (_, axis) => `d${axis}`);
    const graph = new GraphBuilder('copy');
    graph.output('y', graph.input('x', 'float32', dims), 'float32', dims);
    const model = graph.build();
    return {
      up: await this.session(model, { keepOnDevice: true }),
      down: await this.session(model),
    };
  }
}

/** Sessions that copy a tensor of one rank to the device and from it. */
interface Copies {
  readonly up: Session;
  readonly down: Session;
}

/** A loaded graph. */
export class Session {
  readonly #inner: ort.InferenceSession;
  readonly #onRelease: () => void;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  #released = false;

  constructor(inner: ort.InferenceSession, onRelease: () => void) {
    this.#inner = inner;
    this.#onRelease = onRelease;
    this.inputNames = inner.inputNames;
    this.outputNames = inner.outputNames;
  }

  /**
   * Runs the graph.
   * @param feeds  a tensor for every input
   * @param fetches  host tensors to write outputs into; their arrays are overwritten
   * @throws EngineError `device` when the device fails or is lost
   */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches?: Readonly<Record<string, Tensor>>,
  ): Promise<Readonly<Record<string, Tensor>>> {
    try {
      return await (fetches === undefined
        ? this.#inner.run(feeds)
        : this.#inner.run(feeds, fetches));
    } catch (cause) {
      throw deviceError('ONNX Runtime', 'to run a graph', cause, 'could not run a graph');
    }
  }

  /** Runs a graph with one output and returns that output. */
  async run1(feeds: Readonly<Record<string, Tensor>>): Promise<Tensor> {
    const outputs = await this.run(feeds);
    return outputs[this.outputNames[0] as string] as Tensor;
  }

  /** Frees the native session; one of a device that is gone is gone with it. Never throws. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#onRelease();
    await this.#inner.release().catch(() => undefined);
  }
}

/** A host tensor over `data`, which is not copied. */
export function tensorOf(data: TensorData, dims: readonly number[]): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (size !== data.length) {
    throw new EngineError('shape', {
      what: 'A tensor',
      expected: `${size} elements for [${dims.join(', ')}]`,
      found: `${data.length}`,
      action: 'This is a bug in the engine; please report it.',
      sentence: `A tensor of shape [${dims.join(', ')}] was given ${data.length} elements.`,
    });
  }
  if (data instanceof Float32Array) return new ort.Tensor('float32', data, dims);
  if (data instanceof Float64Array) return new ort.Tensor('float64', data, dims);
  if (data instanceof BigInt64Array) return new ort.Tensor('int64', data, dims);
  return new ort.Tensor('int32', data, dims);
}

/** The float32 data of a host tensor. */
export function float32Of(tensor: Tensor): Float32Array {
  return tensor.data as Float32Array;
}

/** The float64 data of a host tensor. */
export function float64Of(tensor: Tensor): Float64Array {
  return tensor.data as Float64Array;
}

function deviceError(what: string, expected: string, cause: unknown, failure: string): EngineError {
  const problem = classifyDeviceError(cause instanceof Error ? cause.message : String(cause));
  return new EngineError(
    'device',
    {
      ...{ what, expected, found: problem.cause, action: problem.action },
      sentence: `ONNX Runtime ${failure}: ${problem.cause}.`,
    },
    { cause },
  );
}
