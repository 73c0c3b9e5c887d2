import { EngineError } from '../../protocol/errors.ts';
import type { Reference } from './logitReference.ts';

/** How far logits may be from those of a reference. */
export interface LogitLimits {
  /** Of the largest difference and of the root mean square, as shares of the largest logit. */
  readonly largest: number;
  readonly rootMeanSquare: number;
  /** Of the mean KL divergence and of the mean loss, nats. */
  readonly klNats: number;
  readonly lossNats: number;
}

/** How far they are. */
export interface LogitDistance {
  /** Largest difference of a logit. */
  readonly largest: number;
  readonly rootMeanSquare: number;
  /** Mean over all positions of KL(reference ‖ found). */
  readonly klNats: number;
  /** Mean loss found less that of the reference, over the positions whose next token is known. */
  readonly lossNats: number;
}

/**
 * Collects the distance of logits from a reference, position by position. Throws at the first logit
 * that is too far off.
 */
export class LogitComparison {
  readonly #what: string;
  readonly #reference: Reference;
  readonly #against: 'logits' | 'searched';
  readonly #limits: LogitLimits;
  #largest = 0;
  #squares = 0;
  #count = 0;
  #kl = 0;
  #positions = 0;
  #loss = 0;
  #predicted = 0;

  /**
   * @param what  what is compared, for messages
   * @param against  `logits`: what the export must give; `searched`: before weights were rounded
   * @param limits  infinite ones only measure
   */
  constructor(
    what: string,
    reference: Reference,
    against: 'logits' | 'searched',
    limits: LogitLimits,
  ) {
    this.#what = what;
    this.#reference = reference;
    this.#against = against;
    this.#limits = limits;
  }

  /**
   * Compares logits of a window from one of its tokens on.
   * @param logits  [positions, V]
   * @param how  how they were made, for messages
   * @throws EngineError `verify`
   */
  add(window: number, from: number, logits: Float32Array, how: string): void {
    const tokens = this.#reference.windows[window]!;
    const all = this.#reference[this.#against][window]!;
    const vocab = all.length / tokens.length;
    const expected = all.subarray(from * vocab);
    if (logits.length > expected.length || logits.length % vocab !== 0) {
      const sentence = `${this.#what} gives ${logits.length} logits where at most ${expected.length} are possible.`;
      throw failed(this.#what, `at most ${expected.length} logits`, `${logits.length}`, sentence);
    }
    for (let at = 0; at < logits.length; at += vocab) {
      const position = from + at / vocab;
      const own = logits.subarray(at, at + vocab);
      const wanted = expected.subarray(at, at + vocab);
      this.#compare(own, wanted, `token ${position} of window ${window}, ${how}`);
      this.#addLosses(own, wanted, tokens[position + 1]);
    }
  }

  /**
   * The distance of all that was compared.
   * @throws EngineError `verify` when a mean is too far off
   */
  result(): LogitDistance {
    const distance: LogitDistance = {
      largest: this.#largest,
      rootMeanSquare: Math.sqrt(this.#squares / Math.max(1, this.#count)),
      klNats: this.#kl / Math.max(1, this.#positions),
      lossNats: this.#loss / Math.max(1, this.#predicted),
    };
    const { rootMeanSquare, klNats, lossNats } = distance;
    const limits = this.#limits;
    const allowed = limits.rootMeanSquare * this.#reference.largest;
    this.#expect(rootMeanSquare, allowed, 'a root mean square difference of logits');
    this.#expect(klNats, limits.klNats, 'a mean KL divergence, in nats,');
    this.#expect(Math.abs(lossNats), limits.lossNats, 'a difference of the mean loss, in nats,');
    return distance;
  }

  #expect(found: number, limit: number, what: string): void {
    // Not "greater than": a NaN must fail too.
    if (found <= limit) return;
    const expected = `${what} of at most ${limit.toPrecision(3)} from the searched model`;
    const sentence = `${this.#what} differs from the searched model: ${found.toPrecision(3)} is ${what} where at most ${limit.toPrecision(3)} is rounding.`;
    throw failed(this.#what, expected, found.toPrecision(3), sentence);
  }

  #compare(own: Float32Array, wanted: Float32Array, where: string): void {
    const limit = this.#limits.largest * this.#reference.largest;
    for (let i = 0; i < own.length; i++) {
      const difference = Math.abs(own[i]! - wanted[i]!);
      if (!(difference <= limit)) {
        const expected = `logits within ${limit.toPrecision(3)} of those of the searched model`;
        const found = `a difference of ${difference} at ${where}`;
        const sentence = `${this.#what} differs from the searched model: a logit by ${difference} at ${where}.`;
        throw failed(this.#what, expected, found, sentence);
      }
      this.#largest = Math.max(this.#largest, difference);
      this.#squares += difference * difference;
    }
    this.#count += own.length;
  }

  #addLosses(own: Float32Array, wanted: Float32Array, next: number | undefined): void {
    const [ownSum, wantedSum] = [logSumExp(own), logSumExp(wanted)];
    let kl = 0;
    for (let i = 0; i < own.length; i++) {
      const logP = wanted[i]! - wantedSum;
      kl += Math.exp(logP) * (logP - (own[i]! - ownSum));
    }
    // Below zero only by rounding.
    this.#kl += Math.max(0, kl);
    this.#positions++;
    if (next === undefined) return;
    this.#loss += ownSum - own[next]! - (wantedSum - wanted[next]!);
    this.#predicted++;
  }
}

/** Limits that only measure. */
export const NO_LIMITS: LogitLimits = {
  largest: Infinity,
  rootMeanSquare: Infinity,
  klNats: Infinity,
  lossNats: Infinity,
};

function logSumExp(logits: Float32Array): number {
  let most = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > most) most = logits[i]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - most);
  return Math.log(sum) + most;
}

/** The error of an export that is not what was searched. */
export function failed(
  what: string,
  expected: string,
  found: string,
  sentence: string,
): EngineError {
  const action = 'Do not use this export. Write it again; if it fails again, report it.';
  return new EngineError('verify', { what, expected, found, action, sentence });
}
