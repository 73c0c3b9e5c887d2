import type { Runner, ThroughOptions } from '../graphs/runner.ts';
import type { LossHead, LossTargets } from '../graphs/lossHead.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import type { LossKind } from '../evaluation/evaluator.ts';
import { denseSubnet } from '../model/subnet.ts';
import { meanOf } from '../numeric/mean.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { type LevelModel, type Levels, placeOf } from './levelModel.ts';

/** Judges choices of levels on windows of tokens. */
export class LevelEvaluator {
  readonly #forward: Runner;
  readonly #head: LossHead;
  readonly #model: LevelModel;
  readonly #windows: readonly Uint32Array[];
  readonly #targets: readonly LossTargets[];
  /** Tokens that went through blocks, each counted by the share of the blocks that it passed. */
  tokens = 0;

  private constructor(
    { forward, head, model, windows }: EvaluatorOptions,
    targets: readonly LossTargets[],
  ) {
    this.#forward = forward;
    this.#head = head;
    this.#model = model;
    this.#windows = windows;
    this.#targets = targets;
  }

  /** For KL this runs the dense model once over all windows. */
  static async create(options: EvaluatorOptions): Promise<LevelEvaluator> {
    const { forward, head, model, windows, kind, signal } = options;
    const targets: LossTargets[] = [];
    for (const window of windows) {
      if (kind === 'perplexity') {
        targets.push(await head.nextTokenTargets(model.weights, [window]));
        continue;
      }
      const embedded = await forward.embed(model.weights, [[window]]);
      const dense = denseSubnet(model.weights.shape);
      const states = await forward.through(model.weights, dense, embedded, { signal });
      targets.push(await head.denseTargets(model.weights, states, signal));
      forward.release(states);
    }
    return new LevelEvaluator(options, targets);
  }

  /** How many windows there are. */
  get windows(): number {
    return this.#windows.length;
  }

  /**
   * Runs a parent over some windows and keeps what its children can begin with.
   * @param chosen  indices of windows
   */
  async parent(
    levels: Levels,
    chosen: readonly number[],
    signal?: AbortSignal,
  ): Promise<JudgedParent> {
    const embedded = await this.#embed(chosen);
    const before: (readonly Tensor[])[] = [this.#forward.retain(embedded)];
    try {
      const losses = await this.#losses(levels, chosen, embedded, {
        ...{ from: 0, signal },
        after: (index, states) => {
          if (index + 1 < this.#model.grids.length) before.push(this.#forward.retain(states));
        },
      });
      return { levels, chosen, losses, before };
    } catch (error) {
      for (const states of before) this.#forward.release(states);
      throw error;
    }
  }

  /** The losses of a child on the windows of its parent, from the first block in which they differ. */
  async child(levels: Levels, parent: JudgedParent, signal?: AbortSignal): Promise<WindowLosses> {
    const from = firstDifference(levels, parent.levels);
    if (from === null) return parent.losses;
    return this.#losses(levels, parent.chosen, this.#forward.retain(parent.before[from]!), {
      from,
      signal,
    });
  }

  /**
   * The losses of a choice of levels on some windows.
   * @param chosen  indices of windows; all when absent
   */
  async losses(
    levels: Levels,
    chosen: readonly number[] = [...this.#windows.keys()],
    signal?: AbortSignal,
  ): Promise<WindowLosses> {
    const found = new Float64Array(chosen.length);
    for (let from = 0; from < chosen.length; from += WINDOWS_AT_A_TIME) {
      const part = chosen.slice(from, from + WINDOWS_AT_A_TIME);
      const embedded = await this.#embed(part);
      found.set(await this.#losses(levels, part, embedded, { from: 0, signal }), from);
    }
    return found;
  }

  /** Frees the residual streams of a parent. */
  release(parent: JudgedParent): void {
    for (const states of parent.before) this.#forward.release(states);
  }

  #embed(chosen: readonly number[]): Promise<readonly Tensor[]> {
    const windows = chosen.map((index) => this.#windows[index]!);
    return this.#forward.embed(this.#model.weights, batchesOf(windows));
  }

  async #losses(
    levels: Levels,
    chosen: readonly number[],
    start: readonly Tensor[],
    options: ThroughOptions & { readonly from: number },
  ): Promise<WindowLosses> {
    const { weights, grids } = this.#model;
    const subnet = this.#model.subnet(levels);
    const states = await this.#forward.through(this.#model.view(levels), subnet, start, options);
    try {
      const tokens = chosen.length * this.#windows[0]!.length;
      this.tokens += (tokens * (grids.length - options.from)) / grids.length;
      const targets = joined(chosen.map((index) => this.#targets[index]!));
      const losses = await this.#head.losses(weights, states, targets, options.signal);
      const each = losses.length / chosen.length;
      return Float64Array.from(chosen, (_, i) => meanOf(losses.slice(i * each, (i + 1) * each)));
    } finally {
      this.#forward.release(states);
    }
  }
}

/** Windows whose streams are held at a time where no child begins with them. */
const WINDOWS_AT_A_TIME = 8;

/** Mean loss of each window, nats. */
export type WindowLosses = Float64Array;

/** What {@link LevelEvaluator.create} needs. */
export interface EvaluatorOptions {
  readonly forward: Runner;
  readonly head: LossHead;
  readonly model: LevelModel;
  /** Token ids, all of one length T. */
  readonly windows: readonly Uint32Array[];
  readonly kind: LossKind;
  readonly signal?: AbortSignal | undefined;
}

/** A choice of levels that was run over some windows. */
export interface JudgedParent {
  readonly levels: Levels;
  readonly chosen: readonly number[];
  readonly losses: WindowLosses;
  /** Residual streams before each block, [L], per batch; freed by `release`. */
  readonly before: readonly (readonly Tensor[])[];
}

function firstDifference(a: Levels, b: Levels): number | null {
  const gene = a.findIndex((level, i) => level !== b[i]);
  return gene < 0 ? null : placeOf(gene).index;
}

function joined(targets: readonly LossTargets[]): LossTargets {
  const { graph } = targets[0]!;
  return {
    graph,
    rows: concat(targets.map(({ rows }) => rows)),
    offset: targets[0]!.offset === null ? null : concat(targets.map(({ offset }) => offset!)),
  };
}

function concat(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
