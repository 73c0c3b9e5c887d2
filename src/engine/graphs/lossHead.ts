import type { WeightSource } from '../checkpoint/weightSource.ts';
import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';
import { type Tensor, tensorOf } from '../runtime/runtime.ts';
import { divergenceGraph, logitsGraph, lossGraph, teacherGraph } from './headGraph.ts';
import type { Runner } from './runner.ts';

/** What the loss is measured against, one row per predicted position (window by window, T−1 each). */
export interface LossTargets {
  /** The graph that compares with the rows. */
  readonly graph: 'loss' | 'divergence';
  /**
   * Under `loss` the expected output embedding, [P, E]; under `divergence` the dense model's last
   * residual stream, [P, H].
   */
  readonly rows: Float32Array;
  /** [P], added to the loss. */
  readonly offset: Float32Array | null;
}

const GRAPHS = {
  loss: lossGraph,
  teacher: teacherGraph,
  divergence: divergenceGraph,
  logits: logitsGraph,
} as const;
type HeadGraph = keyof typeof GRAPHS;

/** Positions per call: bounds the [positions, V] logits inside the graph (RUNTIME section 5). */
const POSITIONS_PER_CALL = 256;

/** Arrays of the size of a call's logits: these, less their largest, their exponentials, a product. */
const LOGIT_ARRAYS = 4;

/** Bytes that a graph of {@link LossHead} works in, and keeps for its next call. */
export function lossBytes({ vocab }: ModelShape): number {
  return LOGIT_ARRAYS * 4 * POSITIONS_PER_CALL * vocab;
}

/** Final norm, output head and loss, in chunks of positions. */
export class LossHead {
  readonly #forward: Runner;

  constructor(forward: Runner) {
    this.#forward = forward;
  }

  /**
   * Targets of the negative log-likelihood: the output embedding of each next token.
   * @param windows  token ids, one length T
   */
  async nextTokenTargets(
    weights: WeightSource,
    windows: readonly Uint32Array[],
  ): Promise<LossTargets> {
    const { head } = await weights.once();
    const width = embeddingWidthOf(weights.shape);
    const time = windows[0]?.length ?? 0;
    const rows = new Float32Array(windows.length * (time - 1) * width);
    let at = 0;
    for (const window of windows) {
      for (let t = 1; t < time; t++) {
        const id = window[t] as number;
        rows.set(head.subarray(id * width, (id + 1) * width), at);
        at += width;
      }
    }
    return { graph: 'loss', rows, offset: null };
  }

  /**
   * Targets of KL(dense ‖ subnet): the expected output embedding under the dense model, or its
   * residual stream where logits are capped.
   * @param states  the dense model's last residual stream per batch
   */
  async denseTargets(
    weights: WeightSource,
    states: readonly Tensor[],
    signal?: AbortSignal,
  ): Promise<LossTargets> {
    const { hidden } = weights.shape;
    const x = await this.#predicting(states);
    if (weights.shape.logitCap !== undefined) return { graph: 'divergence', rows: x, offset: null };
    const width = embeddingWidthOf(weights.shape);
    const offset = new Float32Array(x.length / hidden);
    const rows = new Float32Array(offset.length * width);
    const take = (outputs: Readonly<Record<string, Float32Array>>, from: number): void => {
      rows.set(outputs['expected']!, from * width);
      offset.set(outputs['negative_entropy']!, from);
    };
    await this.#run('teacher', weights, { x }, take, signal);
    return { graph: 'loss', rows, offset };
  }

  /**
   * Loss at every predicted position.
   * @param states  last residual stream per batch, [B, T, H]
   * @returns  [P], nats
   */
  async losses(
    weights: WeightSource,
    states: readonly Tensor[],
    targets: LossTargets,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const { hidden } = weights.shape;
    const x = await this.#predicting(states);
    const losses = new Float32Array(x.length / hidden);
    const take = (outputs: Readonly<Record<string, Float32Array>>, from: number): void => {
      losses.set(outputs['loss']!, from);
    };
    await this.#run(targets.graph, weights, { x, target: targets.rows }, take, signal);
    if (targets.offset !== null) {
      targets.offset.forEach((offset, i) => (losses[i] = (losses[i] as number) + offset));
    }
    return losses;
  }

  /** Logits [N, V] of every position of one state; small inputs only. */
  async logits(weights: WeightSource, state: Tensor): Promise<Float32Array> {
    const x = await this.#forward.host(state);
    const out = new Float32Array((x.length / weights.shape.hidden) * weights.shape.vocab);
    const take = (outputs: Readonly<Record<string, Float32Array>>, from: number): void => {
      out.set(outputs['logits']!, from * weights.shape.vocab);
    };
    await this.#run('logits', weights, { x }, take, undefined);
    return out;
  }

  /** All positions that predict a token (not the last of a window), [P, H]. */
  async #predicting(states: readonly Tensor[]): Promise<Float32Array> {
    const { hidden } = this.#forward.shape;
    const kept: Float32Array[] = [];
    for (const state of states) {
      const [batch, time] = state.dims as [number, number];
      const data = await this.#forward.host(state);
      for (let b = 0; b < batch; b++) {
        kept.push(data.subarray(b * time * hidden, ((b + 1) * time - 1) * hidden));
      }
    }
    const out = new Float32Array(kept.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of kept) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #run(
    graph: HeadGraph,
    weights: WeightSource,
    inputs: HeadInputs,
    take: (outputs: Readonly<Record<string, Float32Array>>, from: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { shape } = this.#forward;
    const probe = {
      key: graph,
      build: () => GRAPHS[graph](shape),
      calls: callsOf(inputs, shape.hidden),
      take: (outputs: Readonly<Record<string, Float32Array>>, call: number) => {
        take(outputs, call * POSITIONS_PER_CALL);
      },
    };
    return this.#forward.probeHead(probe, weights, signal);
  }
}

/** What a graph of the head reads of all positions. */
interface HeadInputs {
  /** [P, H] */
  readonly x: Float32Array;
  /** P rows; absent where nothing is compared. */
  readonly target?: Float32Array;
}

/** The inputs of a few positions at a time. */
function* callsOf({ x, target }: HeadInputs, hidden: number): Generator<Record<string, Tensor>> {
  const count = x.length / hidden;
  for (let from = 0; from < count; from += POSITIONS_PER_CALL) {
    const to = Math.min(count, from + POSITIONS_PER_CALL);
    const part = (data: Float32Array): Tensor => {
      const columns = data.length / count;
      return tensorOf(data.subarray(from * columns, to * columns), [to - from, columns]);
    };
    yield { x: part(x), ...(target === undefined ? {} : { target: part(target) }) };
  }
}
