import type { EvaluatedOn } from './evaluatedOn.ts';

/**
 * Key of the perplexities that compare with one another: the same model family of subnets, tokenizer,
 * text, part of it, windows and tokens.
 * @param on  of a figure, an evaluation or a row of a comparison
 * @returns  equal for two perplexities that compare; null for a record of an older version, which is
 *   never grouped with another
 */
export function comparableKey(on: EvaluatedOn | undefined): string | null {
  if (on === undefined) return null;
  const { text, share, context, windows, tokens, tokenizer, model } = on;
  return [model, tokenizer, text, share, context, windows, tokens].join(' ');
}
