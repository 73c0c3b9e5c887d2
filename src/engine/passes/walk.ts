import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import {
  eachBlock,
  type MapChanges,
  type WeightSource,
  withChanges,
} from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import { addsElsewhere, readsOf, type SublayerKind } from '../model/block.ts';
import { isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { observe, type Statistic, type SublayerInput } from './statistics.ts';

/** What {@link walk} needs. */
export interface WalkRequest {
  readonly forward: Runner;
  readonly weights: WeightSource;
  /** The model that the weights were made from, where they are not its own. */
  readonly dense?: WeightSource | undefined;
  /** What is kept of the model. */
  readonly subnet: Subnet;
  /** Windows grouped into batches, all of one length; none for a visitor that looks at nothing. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /**
   * Masks under which the dense model's weights are carried beside the changed ones, e.g. to keep all;
   * absent where no visitor wants that stream.
   */
  readonly reference?: Subnet | undefined;
  /** Changed models that are carried at once; 1 when absent. All have the masks of the subnet. */
  readonly copies?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told each sublayer that is done, of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A model in the making, and its residual stream. */
export interface Copy {
  /** The block as it has been changed so far. */
  readonly layer: LayerWeights;
  /** The residual stream before the sublayer, per batch, [B, T, H]; the walk's own. */
  readonly states: readonly Tensor[];
  /** What its sublayer reads, as in {@link SublayerInput}; the walk's own. */
  readonly reads: readonly Tensor[];
}

/** A sublayer at which a walk stands. Its `layer` and `states` are those of the first copy. */
export interface Here extends SublayerInput {
  /** The block of the dense model. */
  readonly original: LayerWeights;
  readonly copies: readonly Copy[];
  /**
   * The reference's residual stream with what the sublayer adds to it, before a norm behind it, per
   * batch; null where none is carried.
   */
  readonly reference: readonly Tensor[] | null;
  /**
   * Runs the sublayer of the first copy as it is and adds what flows through it to statistics. When
   * the sublayer then stays as it is, this run is also the step to the next one.
   */
  observe(statistics: readonly Statistic[]): Promise<void>;
}

/** What a visitor makes of a sublayer; `unchanged` leaves it as it is. */
export type Change =
  | 'unchanged'
  | {
      /** Other maps of the block, for each copy; all as they are when absent. */
      readonly maps?: readonly MapChanges[];
      /** What the walk goes on with, where it is not the subnet's mask. */
      readonly mask?: LayerMask;
    };

/** A block that a walk has just left. */
export interface LeftBlock {
  readonly index: number;
  /** The block of the dense model. */
  readonly original: LayerWeights;
  /** The first copy's residual stream behind it, per batch; the walk's own. */
  readonly states: readonly Tensor[];
}

/** A pass over the blocks of a model: what it looks at and what it changes. */
export interface Visitor {
  /** Called for each sublayer that the subnet keeps, in order; a removed one is passed over. */
  visit(here: Here): Promise<Change>;
  /** Called once both sublayers of a block are done. */
  leave?(block: LeftBlock): Promise<void> | void;
}

/**
 * The one loop over the blocks of a model: blocks outside, batches inside. Each sublayer is visited
 * on the residual stream that the already changed ones before it give, then applied as it has become.
 *
 * Memory: of every copy, and of the reference, the streams of all tokens before and after a
 * sublayer, one block of the source, and what the visitor keeps and changes. A block is released when
 * the walk leaves it. Device memory is freed however the walk ends.
 * @returns  for each copy the source with the visitor's changes on top
 * @throws EngineError `cancelled` between two batches, and whatever the visitor throws
 */
export async function walk(request: WalkRequest, visitor: Visitor): Promise<WeightSource[]> {
  const { weights, dense = weights, batches } = request;
  const embedded = await request.forward.embed(weights, batches);
  const fork = (): Stream => new Stream(request, request.forward.retain(embedded));
  const copies = Array.from({ length: request.copies ?? 1 }, fork);
  const reference = request.reference === undefined ? null : fork();
  const streams = reference === null ? copies : [...copies, reference];
  request.forward.release(embedded);
  const total = 2 * weights.shape.layers;
  try {
    for await (const [index, original] of eachBlock(dense)) {
      const own = dense === weights ? original : await weights.block(index);
      for (const copy of copies) copy.enter(index, own);
      reference?.enter(index, original);
      for (const kind of ['attention', 'mlp'] as const) {
        throwIfAborted(request.signal);
        await reference?.addUpdate(kind, original, request.reference!.layers[index]!);
        await visitSublayer(request, visitor, { index, kind, original, copies, reference });
        await reference?.normBehind(kind, original);
        request.onProgress?.(2 * index + (kind === 'mlp' ? 2 : 1), total);
        // A visitor that runs nothing never lets a cancel message in.
        await setImmediate();
      }
      await visitor.leave?.({ index, original, states: copies[0]!.states });
      for (const stream of streams) await stream.leave();
    }
  } finally {
    for (const stream of streams) await stream.release();
  }
  return copies.map(({ changes }) => withChanges(weights, changes));
}

/** A residual stream, of which the walk owns the present states. */
class Stream {
  readonly #request: WalkRequest;
  states: readonly Tensor[];
  /** The present block as it has been changed so far. */
  layer: LayerWeights | undefined;
  /** What has been changed of all blocks. */
  readonly changes = new Map<number, MapChanges>();
  /** The states before the block, held while its MLP is to read them. */
  #entering: readonly Tensor[] = [];
  #index = 0;

  constructor(request: WalkRequest, states: readonly Tensor[]) {
    this.#request = request;
    this.states = states;
  }

  /** Comes to a block. */
  enter(index: number, layer: LayerWeights): void {
    this.layer = layer;
    this.#index = index;
    this.#entering = addsElsewhere('mlp', layer.block)
      ? this.#request.forward.retain(this.states)
      : [];
  }

  /** Lets go of a block and its memory. */
  async leave(): Promise<void> {
    const { forward, weights } = this.#request;
    forward.release(this.#entering);
    this.#entering = [];
    if (this.layer !== undefined && !weights.isHeld) await forward.forget(this.layer);
    this.layer = undefined;
  }

  /** Takes other maps of the block over. */
  change(maps: MapChanges): void {
    this.layer = { ...this.layer!, ...maps };
    this.changes.set(this.#index, { ...this.changes.get(this.#index), ...maps });
  }

  /** What a sublayer of the block reads. */
  reads(kind: SublayerKind): readonly Tensor[] {
    return readsOf(kind, this.layer!.block, { states: this.states, entering: this.#entering });
  }

  /** Applies a sublayer. */
  async step(kind: SublayerKind, layer: LayerWeights, mask: LayerMask): Promise<void> {
    await this.addUpdate(kind, layer, mask);
    await this.normBehind(kind, layer);
  }

  /** Adds what a sublayer adds. */
  async addUpdate(kind: SublayerKind, layer: LayerWeights, mask: LayerMask): Promise<void> {
    if (this.states.length === 0) return;
    const { forward, signal } = this.#request;
    const reads = this.reads(kind);
    this.become(await forward.addUpdate(kind, layer, mask, this.states, { signal, reads }));
  }

  /** Applies the norm behind a sublayer, where there is one. */
  async normBehind(kind: SublayerKind, layer: LayerWeights): Promise<void> {
    const { forward, signal } = this.#request;
    this.become(await forward.normBehind(kind, layer, this.states, signal));
  }

  /** Takes over other states and frees the present ones. */
  become(states: readonly Tensor[]): void {
    this.#request.forward.release(this.states);
    this.states = states;
  }

  async release(): Promise<void> {
    this.become([]);
    await this.leave();
  }
}

async function visitSublayer(
  { forward, subnet, signal }: WalkRequest,
  visitor: Visitor,
  at: {
    readonly index: number;
    readonly kind: SublayerKind;
    readonly original: LayerWeights;
    readonly copies: readonly Stream[];
    readonly reference: Stream | null;
  },
): Promise<void> {
  const { index, kind, original, copies } = at;
  const mask = subnet.layers[index]!;
  let observed: readonly Tensor[] | null = null;
  try {
    const present = copies.map((copy): Copy => {
      const { layer, states } = copy;
      return { layer: layer!, states, reads: copy.reads(kind) };
    });
    const input = { index, kind, mask, ...present[0]! };
    const here: Here = {
      ...input,
      original,
      copies: present,
      reference: at.reference?.states ?? null,
      async observe(statistics) {
        forward.release(observed ?? []);
        observed = null;
        observed = await observe(forward, input, statistics, signal);
      },
    };
    const change = isPresent(kind, mask) ? await visitor.visit(here) : 'unchanged';
    const { maps = [], mask: own = mask } = change === 'unchanged' ? {} : change;
    for (const [i, copy] of copies.entries()) {
      const changed = maps[i];
      if (changed !== undefined) copy.change(changed);
      const isObserved = i === 0 && changed === undefined && own === mask;
      if (isObserved && observed !== null) {
        copy.become(observed);
        observed = null;
      } else {
        await copy.step(kind, copy.layer!, own);
      }
    }
  } finally {
    forward.release(observed ?? []);
  }
}
