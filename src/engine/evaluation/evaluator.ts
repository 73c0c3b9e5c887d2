import { createHash } from 'node:crypto';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { meanOf } from '../numeric/mean.ts';
import type { Runner } from '../graphs/runner.ts';
import type { LossHead, LossTargets } from '../graphs/lossHead.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { layerKey } from '../subnet/key.ts';
import { denseSubnet, type Subnet } from '../model/subnet.ts';
import { PrefixCache } from './prefixCache.ts';
import { batchesOf } from './tokenBatches.ts';

/** What a subnet is judged by. */
export type LossKind = 'perplexity' | 'kl';

/** Loss of one subnet on the evaluator's tokens. */
export interface Loss {
  /** Mean over predicted tokens, nats; the negative log-likelihood, or KL(dense ‖ subnet). */
  readonly meanNats: number;
  /** Predicted tokens. */
  readonly tokens: number;
  /** Blocks taken from the prefix cache instead of being computed. */
  readonly cachedLayers: number;
}

/**
 * Judges candidates: an idempotent function of (subnet, tokens).
 *
 * The search knows only this interface, so that evaluation can be spread over machines.
 */
export interface CandidateEvaluator {
  /** @throws EngineError `cancelled` within one sublayer's time of the signal */
  loss(subnet: Subnet, signal?: AbortSignal): Promise<Loss>;
}

/** What {@link LocalEvaluator.create} needs. */
export interface LocalEvaluatorOptions {
  readonly forward: Runner;
  readonly head: LossHead;
  readonly weights: WeightSource;
  /** Token ids, all of one length T. */
  readonly windows: readonly Uint32Array[];
  readonly kind: LossKind;
  /** Budget of the prefix cache, bytes. */
  readonly cacheBytes: number;
  readonly signal?: AbortSignal;
}

/** Evaluates subnets of one model on fixed windows on this machine. */
export class LocalEvaluator implements CandidateEvaluator {
  readonly #options: LocalEvaluatorOptions;
  readonly #embedded: readonly Tensor[];
  readonly #targets: LossTargets;
  readonly #cache: PrefixCache;

  private constructor(
    options: LocalEvaluatorOptions,
    embedded: readonly Tensor[],
    targets: LossTargets,
    cache: PrefixCache,
  ) {
    this.#options = options;
    this.#embedded = embedded;
    this.#targets = targets;
    this.#cache = cache;
  }

  /** Embeds the windows and prepares the targets; for KL this runs the dense model once. */
  static async create(options: LocalEvaluatorOptions): Promise<LocalEvaluator> {
    const { forward, head, weights, windows, signal } = options;
    const embedded = await forward.embed(weights, batchesOf(windows));
    const cache = new PrefixCache(forward, options.cacheBytes);
    if (options.kind === 'perplexity') {
      const targets = await head.nextTokenTargets(weights, windows);
      return new LocalEvaluator(options, embedded, targets, cache);
    }
    const dense = denseSubnet(weights.shape);
    const states = await forward.through(weights, dense, embedded, { signal });
    const targets = await head.denseTargets(weights, states, signal);
    forward.release(states);
    return new LocalEvaluator(options, embedded, targets, cache);
  }

  async loss(subnet: Subnet, signal?: AbortSignal): Promise<Loss> {
    const { forward, head, weights } = this.#options;
    const keys = prefixKeys(subnet);
    let start = keys.length;
    let states: readonly Tensor[] | undefined;
    while (states === undefined && start > 0) states = this.#cache.get(keys[--start] as string);
    const cachedLayers = states === undefined ? 0 : start + 1;
    const last = await forward.through(weights, subnet, states ?? this.#embedded, {
      from: cachedLayers,
      signal,
      after: (l, after) => {
        this.#cache.put(keys[l] as string, after);
      },
    });
    const losses = await head.losses(weights, last, this.#targets, signal);
    forward.release(last);
    return { meanNats: meanOf(losses), tokens: losses.length, cachedLayers };
  }

  /** Frees the states that it holds. */
  close(): void {
    this.#cache.clear();
    this.#options.forward.release(this.#embedded);
  }
}

/** Key of the first l+1 masks, for every l; a chained hash, so equal prefixes have equal keys. */
function prefixKeys(subnet: Subnet): string[] {
  let previous = '';
  return subnet.layers.map((mask) => {
    previous = createHash('sha256').update(previous).update(layerKey(mask)).digest('base64');
    return previous;
  });
}
