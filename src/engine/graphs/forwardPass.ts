import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import {
  addsElsewhere,
  type Attention,
  type Block,
  readsOf,
  type SublayerKind,
} from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { eachBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { TensorOwners } from '../runtime/deviceTensors.ts';
import { float32Of, type Runtime, type Session, type Tensor } from '../runtime/runtime.ts';
import type { LayerMask, Subnet } from '../model/subnet.ts';
import { attentionGraph, type AttentionVariant } from './attentionGraph.ts';
import { embedWindows } from './embedWindows.ts';
import { type AttentionRows, attentionRows, withoutPadding } from './keptRows.ts';
import { variantOf } from './attentionVariant.ts';
import { mlpGraph } from './mlpGraph.ts';
import { Moments } from './moments.ts';
import { PlaceFeeds } from './placeFeeds.ts';
import type {
  HeadProbe,
  MlpInput,
  MlpProbe,
  Runner,
  SublayerOptions,
  Tap,
  ThroughOptions,
} from './runner.ts';
import { probeHead, probeMlp } from './probes.ts';
import { projectStream } from './projectStream.ts';
import { ScratchPool } from './scratch.ts';
import { Sessions } from './sessions.ts';
import { normGraph } from './streamGraphs.ts';
import { normFeeds, SublayerFeeds } from './sublayerFeeds.ts';

/**
 * The runner of the CPU and of WebGPU: graphs whose weights are inputs.
 *
 * Layers go outside, batches inside: a mask's weights are gathered once per layer, whatever the
 * number of tokens. Sessions hold no weights, so one pair of graphs serves every layer and subnet.
 */
export class ForwardPass implements Runner {
  readonly shape: ModelShape;
  readonly runtime: Runtime;
  readonly feeds: SublayerFeeds;
  /** Sums of what flows, all in one session: a session has threads of its own. */
  readonly moments: Moments;
  readonly sessions: Sessions;
  /** Memory for gathered rows. */
  readonly scratch = new ScratchPool();
  tokensForwarded = 0;
  readonly #places = new PlaceFeeds();
  readonly #owners = new TensorOwners();

  constructor(runtime: Runtime, shape: ModelShape) {
    this.runtime = runtime;
    this.shape = shape;
    this.feeds = new SublayerFeeds(runtime, shape);
    this.sessions = new Sessions(runtime);
    this.moments = new Moments(this.sessions);
  }

  async embed(
    weights: WeightSource,
    batches: readonly (readonly Uint32Array[])[],
  ): Promise<Tensor[]> {
    const once = await weights.once();
    const streams: Tensor[] = [];
    for (const windows of batches) streams.push(await embedWindows(this, once, windows));
    return streams;
  }

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
      this.release(sums);
    }
  }

  async normBehind(
    kind: SublayerKind,
    layer: LayerWeights,
    states: readonly Tensor[],
    signal?: AbortSignal,
  ): Promise<Tensor[]> {
    const norm = layer.block[kind].norms.behind;
    if (norm === null || states.length === 0) return this.retain(states);
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
        out.push(this.#owners.take(await session.run1({ x, ...weights })));
        await setImmediate();
      }
    } catch (error) {
      this.release(out);
      throw error;
    }
    return out;
  }

  async addUpdate(
    kind: SublayerKind,
    layer: LayerWeights,
    mask: LayerMask,
    states: readonly Tensor[],
    options: SublayerOptions = {},
  ): Promise<Tensor[]> {
    this.#count(states);
    const removed =
      kind === 'attention'
        ? mask.heads.every((head) => head.vo.length === 0)
        : mask.mlp.length === 0;
    if (removed) return this.retain(states);
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
      Object.assign(weights, this.#places.tables(attention)!.tables(mask, rows.pairs, time));
    }
    const out: Tensor[] = [];
    try {
      for (const [batch, stream] of states.entries()) {
        throwIfAborted(options.signal);
        const places = rows === null ? {} : this.#places.of(attention, stream, variant);
        const x = reads === null ? { x: stream } : { x: reads[batch]!, stream };
        const result = await session.run({ ...x, ...weights, ...places });
        Object.values(result).forEach((tensor) => this.#owners.take(tensor));
        out.push(result['y'] as Tensor);
        if (options.tap !== undefined) await options.tap(await this.#tapOf(result, rows), batch);
        // Native calls block the event loop; this lets a cancel message in.
        await setImmediate();
      }
    } catch (error) {
      this.release(out);
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
      this.release(middle);
    }
  }

  project(
    states: readonly Tensor[],
    matrix: Float32Array,
    signal?: AbortSignal,
  ): Promise<Tensor[]> {
    return projectStream(this, states, matrix, signal);
  }

  async through(
    weights: WeightSource,
    subnet: Subnet,
    states: readonly Tensor[],
    options: ThroughOptions = {},
  ): Promise<readonly Tensor[]> {
    let current = states;
    try {
      for await (const [l, layer] of eachBlock(weights, options.from)) {
        const run = this.block(layer, subnet.layers[l]!, current, options.signal);
        const next = await (weights.isHeld ? run : run.finally(() => this.forget(layer)));
        this.release(current);
        current = next;
        options.after?.(l, current);
      }
    } catch (error) {
      this.release(current);
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

  async releaseIdle(): Promise<void> {
    this.scratch.clear();
    await this.sessions.close();
  }

  async forget(owner?: object): Promise<void> {
    if (this.runtime.onDevice) await this.feeds.forget(owner);
  }

  retain(states: readonly Tensor[]): Tensor[] {
    return this.#owners.retain(states);
  }

  release(states: Iterable<Tensor>): void {
    this.#owners.release(states);
  }

  async close(): Promise<void> {
    this.#owners.close();
    await this.forget();
    await this.sessions.close();
  }

  async probeMlp(probe: MlpProbe, at: MlpInput, signal?: AbortSignal): Promise<void> {
    this.#count(at.reads);
    await probeMlp(this, probe, at, signal);
  }

  async probeHead(probe: HeadProbe, weights: WeightSource, signal?: AbortSignal): Promise<void> {
    await probeHead(this, probe, weights, signal);
  }

  /** How attention over a state is computed, which decides how its heads are padded. */
  variantFor(attention: Attention, state: Tensor | undefined): AttentionVariant {
    return variantOf(attention, this.runtime.device, state?.dims[1] ?? 0);
  }

  async host(state: Tensor): Promise<Float32Array> {
    return float32Of(await this.runtime.download(state));
  }

  /** Counts the tokens of a sublayer that is run, or removed. @param states  per batch, [B, T, H] */
  #count(states: readonly Tensor[]): void {
    const sublayers = 2 * this.shape.layers;
    for (const { dims } of states) this.tokensForwarded += (dims[0]! * dims[1]!) / sublayers;
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

  async #tapOf(result: Readonly<Record<string, Tensor>>, rows: AttentionRows | null): Promise<Tap> {
    const take = async (name: 'normed' | 'inner' | 'update'): Promise<Float32Array> => {
      const tensor = result[name] as Tensor;
      const data = await this.host(tensor);
      this.release([tensor]);
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
