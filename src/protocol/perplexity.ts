import { EngineError } from './errors.ts';

/** Perplexity of a model on a text, as JSON can hold it. */
export interface Perplexity {
  /** exp of the loss; null where float64 cannot hold it, which is above 709.78 nats. */
  readonly perplexity: number | null;
  /** Mean negative log-likelihood of a predicted token; tells two infinite perplexities apart. */
  readonly lossNats: number;
  /** Predicted tokens. */
  readonly tokens: number;
}

/**
 * Perplexity of a text from the summed loss of its predicted tokens.
 * @throws EngineError `numeric` when the loss is no number
 */
export function perplexityOfSum(sumNats: number, tokens: number): Perplexity {
  const lossNats = sumNats / tokens;
  if (!Number.isFinite(lossNats)) {
    throw new EngineError('numeric', {
      what: 'The loss of the model on the text',
      expected: 'a number',
      found: String(lossNats),
      action: 'Check the weights: what they compute is out of the range of float32.',
      sentence: `The loss of the model on the text is ${lossNats}, not a number.`,
    });
  }
  const perplexity = Math.exp(lossNats);
  return { perplexity: perplexity === Infinity ? null : perplexity, lossNats, tokens };
}

/**
 * A perplexity to compare and sort by.
 * @param perplexity  as records hold it; null: infinite
 */
export function perplexityValue(perplexity: number | null): number {
  return perplexity ?? Infinity;
}
