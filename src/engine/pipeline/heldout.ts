import type { EvaluatedOn } from '../../protocol/evaluatedOn.ts';
import { HELDOUT_SHARE } from './tokenPlan.ts';

/**
 * What the held-out perplexities of a run or a comparison are evaluated on.
 * @param hashes  of its inputs, see `hashesOf`
 * @param windows  held-out windows, all of one length
 * @returns undefined when the hashes do not name all inputs, as those of older versions
 */
export function heldoutOf(
  hashes: Readonly<Record<string, string>>,
  windows: readonly Uint32Array[],
): EvaluatedOn | undefined {
  const { heldout, text, tokenizer, model } = hashes;
  if (text === undefined || tokenizer === undefined || model === undefined) return undefined;
  return {
    text: heldout ?? text,
    share: heldout === undefined ? HELDOUT_SHARE : 1,
    ...windowCounts(windows),
    tokenizer,
    model,
  };
}

/** Sizes of an evaluation: every window of T tokens predicts T − 1. */
export function windowCounts(
  windows: readonly Uint32Array[],
): Pick<EvaluatedOn, 'context' | 'windows' | 'tokens'> {
  const context = windows[0]?.length ?? 0;
  return { context, windows: windows.length, tokens: windows.length * Math.max(0, context - 1) };
}
