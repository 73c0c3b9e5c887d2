import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { SublayerKind } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerMask, Subnet } from '../model/subnet.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { WeightAccess } from './inputWeights.ts';
import type { Moments } from './moments.ts';

/** What a tapped sublayer shows of one batch. */
export interface Tap {
  /** [N, H], host, float32 */
  readonly normed: Float32Array;
  /** [N, A·D] or [N, I], of kept rows only, as `rowsOf` lists them; host, float32 */
  readonly inner: Float32Array;
  /** What the output map makes, where a norm is between it and the stream, [N, H]; host, float32 */
  readonly update: Float32Array | null;
  /**
   * The residual stream with what the sublayer adds to it, before a norm behind it, [B, T, H]; not the
   * tap's to free.
   */
  readonly after: Tensor;
}

/** Called with each batch of a tapped sublayer, in order. */
export type OnTap = (tap: Tap, batch: number) => Promise<void> | void;

/** Options of a sublayer that is run. */
export interface SublayerOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the sublayer reads, as `readsOf` says; may be absent where that is the stream. */
  readonly reads?: readonly Tensor[];
  /** Receives the sublayer's inner values of each batch. */
  readonly tap?: OnTap;
}

/** Options of {@link Runner.through}. */
export interface ThroughOptions {
  /** The first block that runs; 0 when absent. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told the stream after each block, which it may keep with {@link Runner.retain}. */
  readonly after?: (layer: number, states: readonly Tensor[]) => void;
}

/** A block, what is kept of it, and what its MLP reads. */
export interface MlpInput {
  readonly layer: LayerWeights;
  readonly mask: LayerMask;
  /** Per batch, [B, T, H] */
  readonly reads: readonly Tensor[];
}

/** A graph of a caller's own that reads what an MLP reads. */
export interface MlpProbe {
  /** Names the graph; all that it depends on. */
  readonly key: string;
  /** Its inputs are x [B, T, H] and any of the weights that an MLP's graph has. */
  readonly build: (access: WeightAccess) => Uint8Array;
  /** Receives the outputs of each batch, on the host. */
  readonly take: (outputs: Readonly<Record<string, Float32Array>>, batch: number) => Promise<void>;
}

/** A graph of a caller's own that reads the weights between the last block and the logits. */
export interface HeadProbe {
  /** Names the graph; all that it depends on. */
  readonly key: string;
  /**
   * Its inputs are those of each call and, where the model has them, norm_gain, norm_shift [H],
   * project_out [E, H] and head [V, E].
   */
  readonly build: () => Uint8Array;
  /** The other inputs, call by call. */
  readonly calls: Iterable<Readonly<Record<string, Tensor>>>;
  /** Receives the outputs of each call, on the host. */
  readonly take: (outputs: Readonly<Record<string, Float32Array>>, call: number) => void;
}

/**
 * Computes sublayers of one model on one device, a whole set of batches at a time. It owns its
 * sessions, what the device holds of weights, and the states that it gives out: whoever is given
 * states releases them.
 *
 * Native calls block the event loop; all methods that run several give it a turn in between, so that
 * a cancel is seen between two batches.
 */
export interface Runner {
  readonly shape: ModelShape;
  /** Tokens that went through the model, each counted by the share of the sublayers that it passed. */
  readonly tokensForwarded: number;
  /** Sums of what flows. */
  readonly moments: Moments;

  /**
   * The residual stream before the first block.
   * @param batches  windows of token ids, those of a batch of one length T, at most the model's
   *   positions
   * @returns  per batch, [B, T, H]
   */
  embed(weights: WeightSource, batches: readonly (readonly Uint32Array[])[]): Promise<Tensor[]>;

  /**
   * Applies one sublayer to every batch. One whose mask keeps nothing is the identity, but for a norm
   * behind it, which stays.
   * @param states  residual stream per batch, [B, T, H], which the sublayer adds to; not changed
   * @returns  residual stream after the sublayer, per batch; the caller's
   * @throws EngineError `cancelled`, `device`
   */
  sublayer(
    kind: SublayerKind,
    layer: LayerWeights,
    mask: LayerMask,
    states: readonly Tensor[],
    options?: SublayerOptions,
  ): Promise<Tensor[]>;

  /** Adds what one sublayer adds to the stream: {@link sublayer} without the norm behind it. */
  addUpdate(
    kind: SublayerKind,
    layer: LayerWeights,
    mask: LayerMask,
    states: readonly Tensor[],
    options?: SublayerOptions,
  ): Promise<Tensor[]>;

  /** Applies the norm behind a sublayer, where the block has one. Parameters as {@link sublayer}. */
  normBehind(
    kind: SublayerKind,
    layer: LayerWeights,
    states: readonly Tensor[],
    signal?: AbortSignal,
  ): Promise<Tensor[]>;

  /**
   * Multiplies every token of the residual stream by a matrix.
   * @param states  per batch, [B, T, H]; not changed
   * @param matrix  row-major [H, H]
   * @returns  per batch, [B, T, H]; the caller's
   */
  project(states: readonly Tensor[], matrix: Float32Array, signal?: AbortSignal): Promise<Tensor[]>;

  /**
   * Runs the blocks from one on, each released once it has run.
   * @param states  residual stream before that block; taken over
   * @returns  residual stream after the last block; the caller's
   * @throws EngineError as {@link sublayer}, and `checkpoint` when a block cannot be read
   */
  through(
    weights: WeightSource,
    subnet: Subnet,
    states: readonly Tensor[],
    options?: ThroughOptions,
  ): Promise<readonly Tensor[]>;

  /**
   * Runs a graph of the caller's own over what an MLP reads.
   * @throws EngineError as {@link sublayer}
   */
  probeMlp(probe: MlpProbe, at: MlpInput, signal?: AbortSignal): Promise<void>;

  /**
   * Runs a graph of the caller's own with the weights of the output head.
   * @throws EngineError as {@link sublayer}
   */
  probeHead(probe: HeadProbe, weights: WeightSource, signal?: AbortSignal): Promise<void>;

  /** The float32 data of a state on the host. */
  host(state: Tensor): Promise<Float32Array>;

  /** Adds an owner to each state. @returns  the same states */
  retain(states: readonly Tensor[]): Tensor[];

  /** Gives one ownership of each state up; the last one frees its memory. */
  release(states: Iterable<Tensor>): void;

  /**
   * Frees what the device holds of some weights; who needs them next uploads them again.
   * @param owner  a block, maps of it, or a whole model; all weights when absent
   */
  forget(owner?: object): Promise<void>;

  /**
   * Frees what is only kept to be used again, sessions and memory for gathered rows, while no pass is
   * running. The loss of a large vocabulary alone keeps a gigabyte. Later passes make it anew.
   */
  releaseIdle(): Promise<void>;

  /** Frees all that the runner owns: sessions, weights and states. It cannot be used afterwards. */
  close(): Promise<void>;
}
