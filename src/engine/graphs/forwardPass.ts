import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import {
  addsElsewhere,
  type Attention,
  type Block,
  readsOf,
  type Rotary,
  type SublayerKind,
} from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { eachBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { releaseTensor, releaseTensors, retainTensor } from '../runtime/deviceTensors.ts';
import {
  float32Of,
  type Runtime,
  type Session,
  type Tensor,
  tensorOf,
} from '../runtime/runtime.ts';
import type { LayerMask, Subnet } from '../model/subnet.ts';
import { attentionGraph, type AttentionVariant } from './attentionGraph.ts';
import { embedWindows } from './embedWindows.ts';
import { type AttentionRows, attentionRows, withoutPadding } from './keptRows.ts';
import { causalMask, variantOf } from './attentionVariant.ts';
import { mlpGraph } from './mlpGraph.ts';
import { Moments } from './moments.ts';
import { RotaryTableMaker } from './rotaryTables.ts';
import { ScratchPool } from './scratch.ts';
import { Sessions } from './sessions.ts';
import { normGraph } from './streamGraphs.ts';
import { type Feeds, normFeeds, SublayerFeeds } from './sublayerFeeds.ts';

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
interface SublayerOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the sublayer reads, as `readsOf` says; may be absent where that is the stream. */
  readonly reads?: readonly Tensor[];
  /** Receives the sublayer's inner values of each batch. */
  readonly tap?: OnTap;
}

/**
 * Runs sublayers of a model on one device, a whole set of batches at a time.
 *
 * Layers go outside, batches inside: a mask's weights are gathered once per layer, whatever the
 * number of tokens. Sessions hold no weights, so one pair of graphs serves every layer and subnet.
 */
export class ForwardPass {
  readonly shape: ModelShape;
  readonly runtime: Runtime;
  readonly feeds: SublayerFeeds;
  /** Sums of what flows, all in one session: a session has threads of its own. */
  readonly moments: Moments;
  readonly sessions: Sessions;
  /** Memory for gathered rows. */
  readonly scratch = new ScratchPool();
  readonly #rotary = new Map<Rotary, RotaryTableMaker>();
  readonly #constants = new Map<string, Tensor>();

  constructor(runtime: Runtime, shape: ModelShape) {
    this.runtime = runtime;
    this.shape = shape;
    this.feeds = new SublayerFeeds(runtime, shape);
    this.sessions = new Sessions(runtime);
    this.moments = new Moments(this.sessions);
  }

  /**
   * The residual stream before the first block.
   * @param batches  windows of token ids, those of a batch of one length T, at most the model's
   *   positions
   * @returns  per batch, [B, T, H], on the host
   */
  async embed(
    weights: WeightSource,
    batches: readonly (readonly Uint32Array[])[],
  ): Promise<Tensor[]> {
    const once = await weights.once();
    const streams: Tensor[] = [];
    for (const windows of batches) streams.push(await embedWindows(this, once, windows));
    return streams;
  }

  /**
   * Applies one sublayer to every batch. One whose mask keeps nothing is the identity, but for a norm
   * behind it, which stays.
   * @param states  residual stream per batch, [B, T, H], which the sublayer adds to; not changed
   * @returns  residual stream after the sublayer, per batch; the caller owns it (`releaseTensors`)
   * @throws EngineError `cancelled` between two batches when the signal is raised
   */
  async sublayer(
    kind: SublayerKind,
    layer: LayerWeights,
    mask: LayerMask,
    states: readonly Tensor[],
    options: SublayerOptions = {},
  ): Promise<Tensor[]> {
    const sums = await this.addUpdate(kind, layer, mask, states, options);
    try {
      return await this.normBehind(kind, layer, sums, options.signal);
    } finally {
      releaseTensors(sums);
    }
  }

  /**
   * Applies the norm behind a sublayer, where the block has one.
   * @param states  the stream with the sublayer's update per batch, [B, T, H]; not changed
   * @returns  per batch; the caller owns it
   * @throws EngineError `cancelled` between two batches
   */
  async normBehind(
    kind: SublayerKind,
    layer: LayerWeights,
    states: readonly Tensor[],
    signal?: AbortSignal,
  ): Promise<Tensor[]> {
    const norm = layer.block[kind].norms.behind;
    if (norm === null || states.length === 0) return states.map(retainTensor);
    const session = await this.sessions.of(
      `norm behind: ${JSON.stringify(norm)}`,
      () => normGraph(norm, this.shape.hidden),
      { keepOnDevice: true },
    );
    const weights = normFeeds('norm', layer[`${kind}BehindNorm`]);
    const out: Tensor[] = [];
    try {
      for (const x of states) {
        throwIfAborted(signal);
        out.push(await session.run1({ x, ...weights }));
        await setImmediate();
      }
    } catch (error) {
      releaseTensors(out);
      throw error;
    }
    return out;
  }

  /**
   * Adds what one sublayer adds to the residual stream: {@link sublayer} without the norm behind it.
   * @param states  per batch, [B, T, H]; not changed
   * @returns  per batch; the caller owns it
   * @throws EngineError `cancelled` between two batches
   */
  async addUpdate(
    kind: SublayerKind,
    layer: LayerWeights,
    mask: LayerMask,
    states: readonly Tensor[],
    options: SublayerOptions = {},
  ): Promise<Tensor[]> {
    const removed =
      kind === 'attention'
        ? mask.heads.every((head) => head.vo.length === 0)
        : mask.mlp.length === 0;
    if (removed) return states.map(retainTensor);
    const { block } = layer;
    const { attention } = block;
    const reads = otherReads(kind, block, options.reads);
    const variant = this.variantFor(attention, states[0]);
    const session = await this.#session(kind, block, variant, options.tap !== undefined);
    const rows = kind === 'attention' ? attentionRows(block, mask, variant) : null;
    const scratch = this.scratch.borrow();
    const weights =
      rows === null
        ? await this.feeds.mlp(layer, mask, scratch)
        : await this.feeds.attention(layer, rows, scratch);
    if (rows !== null && attention.rotary !== null) {
      const time = states[0]?.dims[1] as number;
      Object.assign(weights, this.#tables(attention)!.tables(mask, rows.pairs, time));
    }
    const out: Tensor[] = [];
    try {
      for (const [batch, stream] of states.entries()) {
        throwIfAborted(options.signal);
        const places = rows === null ? {} : this.#placeFeeds(attention, stream, variant);
        const x = reads === null ? { x: stream } : { x: reads[batch]!, stream };
        const result = await session.run({ ...x, ...weights, ...places });
        out.push(result['y'] as Tensor);
        if (options.tap !== undefined) await options.tap(await this.#tapOf(result, rows), batch);
        // Native calls block the event loop; this lets a cancel message in.
        await setImmediate();
      }
    } catch (error) {
      releaseTensors(out);
      throw error;
    } finally {
      scratch.giveBack();
    }
    return out;
  }

  /** Applies a whole block: attention, then the MLP. Parameters as {@link sublayer}. */
  async block(
    layer: LayerWeights,
    mask: LayerMask,
    states: readonly Tensor[],
    signal?: AbortSignal,
  ): Promise<Tensor[]> {
    const middle = await this.sublayer('attention', layer, mask, states, { signal });
    try {
      const reads = readsOf('mlp', layer.block, { entering: states, states: middle });
      return await this.sublayer('mlp', layer, mask, middle, { signal, reads });
    } finally {
      releaseTensors(middle);
    }
  }

  /**
   * Runs the blocks from `from` on, and releases each once it has run.
   * @param states  residual stream before block `from`; taken over and freed
   * @param after  told the stream after each block, which it may keep with `retainTensor`
   * @returns  residual stream after the last block; the caller owns it
   */
  async through(
    weights: WeightSource,
    subnet: Subnet,
    states: readonly Tensor[],
    options: {
      readonly from?: number;
      readonly signal?: AbortSignal | undefined;
      readonly after?: (layer: number, states: readonly Tensor[]) => void;
    } = {},
  ): Promise<readonly Tensor[]> {
    let current = states;
    try {
      for await (const [l, layer] of eachBlock(weights, options.from)) {
        const next = await this.block(layer, subnet.layers[l]!, current, options.signal);
        releaseTensors(current);
        current = next;
        if (!weights.isHeld) await this.forget(layer);
        options.after?.(l, current);
      }
    } catch (error) {
      releaseTensors(current);
      throw error;
    }
    return current;
  }

  /**
   * Does what evaluating a subnet does before any graph runs: gathers all its rows, block by block.
   * For measuring what a change of subnet costs.
   */
  async gatherOnly(weights: WeightSource, subnet: Subnet): Promise<void> {
    for await (const [l, layer] of eachBlock(weights)) {
      const mask = subnet.layers[l]!;
      const scratch = this.scratch.borrow();
      await this.feeds.attention(layer, attentionRows(layer.block, mask, 'plain'), scratch);
      await this.feeds.mlp(layer, mask, scratch);
      scratch.giveBack();
    }
  }

  /**
   * Frees what the device holds of some weights.
   * @param owner  a block, maps of it, or a whole model; all weights when absent
   */
  async forget(owner?: object): Promise<void> {
    if (this.runtime.onDevice) await this.feeds.forget(owner);
  }

  /** How attention over a state is computed, which decides how its heads are padded. */
  variantFor(attention: Attention, state: Tensor | undefined): AttentionVariant {
    return variantOf(attention, this.runtime.device, state?.dims[1] ?? 0);
  }

  /** The float32 data of a state on the host. */
  async host(state: Tensor): Promise<Float32Array> {
    return float32Of(await this.runtime.download(state));
  }

  #session(
    kind: SublayerKind,
    block: Block,
    variant: AttentionVariant,
    tap: boolean,
  ): Promise<Session> {
    const access = this.runtime.onDevice ? 'gathered' : 'direct';
    const options = { access, tap, variant } as const;
    return this.sessions.of(
      `${kind}:${kind === 'mlp' ? '' : variant}:${tap}:${graphKey(kind, block)}`,
      () => (kind === 'mlp' ? mlpGraph(block, options) : attentionGraph(block, options)),
      { keepOnDevice: true },
    );
  }

  /** Feeds that depend only on B and T: positions, and the causal mask or its lengths. */
  #placeFeeds(attention: Attention, x: Tensor, variant: AttentionVariant): Feeds {
    const [batch, time] = x.dims as [number, number];
    const feeds: Feeds = {};
    const tables = this.#tables(attention);
    if (tables !== null) {
      feeds['q_positions'] = tables.positions(batch, time, attention.heads);
      feeds['k_positions'] = tables.positions(batch, time, attention.kvHeads);
    }
    if (variant !== 'fused') {
      const reach = Math.min(time, attention.window ?? time);
      feeds['causal'] = this.#constant(`causal:${time}:${reach}`, () => causalMask(time, reach));
    } else {
      feeds['last_index'] = this.#constant(`last:${batch}:${time}`, () =>
        tensorOf(new Int32Array(batch).fill(time - 1), [batch]),
      );
      feeds['total_length'] = this.#constant(`total:${time}`, () =>
        tensorOf(Int32Array.of(time), [1]),
      );
    }
    return feeds;
  }

  /** The tables of a block's rotation, which blocks that turn alike share. */
  #tables(attention: Attention): RotaryTableMaker | null {
    const { rotary } = attention;
    if (rotary === null) return null;
    const known = this.#rotary.get(rotary) ?? new RotaryTableMaker(attention, rotary);
    this.#rotary.set(rotary, known);
    return known;
  }

  #constant(key: string, make: () => Tensor): Tensor {
    let tensor = this.#constants.get(key);
    if (tensor === undefined) {
      tensor = make();
      this.#constants.set(key, tensor);
    }
    return tensor;
  }

  async #tapOf(result: Readonly<Record<string, Tensor>>, rows: AttentionRows | null): Promise<Tap> {
    const take = async (name: 'normed' | 'inner' | 'update'): Promise<Float32Array> => {
      const tensor = result[name] as Tensor;
      const data = await this.host(tensor);
      releaseTensor(tensor);
      return data;
    };
    const [normed, inner] = [await take('normed'), await take('inner')];
    const update = 'update' in result ? await take('update') : null;
    // Heads may be padded, which would count as channels that do not exist.
    const bare = rows === null ? inner : withoutPadding(inner, rows.o);
    return { normed, inner: bare, update, after: result['y'] as Tensor };
  }
}

/** What a sublayer reads where it adds to another stream; null where it reads what it adds to. */
function otherReads(
  kind: SublayerKind,
  block: Block,
  reads: readonly Tensor[] | undefined,
): readonly Tensor[] | null {
  if (!addsElsewhere(kind, block)) return null;
  if (reads !== undefined) return reads;
  throw new RangeError('A parallel MLP reads the stream before its block.');
}

/** What the graph of a sublayer follows from: its blocks' data without angles, which are fed. */
export function graphKey(kind: SublayerKind, { attention, mlp, residual }: Block): string {
  return JSON.stringify(
    kind === 'mlp'
      ? { ...mlp, residual }
      : { ...attention, rotary: attention.rotary !== null, window: null },
  );
}
