import type { ReformVerdict, ReformVerdicts } from './reformVerdict.ts';

/** A few sentences for people. */
export function verdictText(stage: keyof ReformVerdicts, verdict: ReformVerdict): string {
  const { step, maps, tokens, loss, distance } = verdict;
  const what = stage === 'reform' ? 'Reform' : 'Reform of the sparse weights';
  const unchanged = 'The weights stay as they were.';
  if (maps.accepted === 0) {
    return `${what} rejected: none of ${maps.all} weight matrices improved on held-back text. ${unchanged}`;
  }
  const on = `on ${tokens} tokens that were not fitted`;
  const perplexity = changeText(Math.exp(loss.before), Math.exp(loss.after));
  const kl = changeText(distance.before, distance.after);
  const found = `perplexity ${perplexity}, distance to the dense model (KL divergence) ${kl}`;
  if (step === 0) return `${what} rejected: no certain gain ${on} (${found}). ${unchanged}`;
  const share = step === 1 ? '' : ` with ${step * 100}% of its change`;
  return `${what} accepted${share}, ${maps.accepted} of ${maps.all} weight matrices: ${on}, ${found}.`;
}

function changeText(before: number, after: number): string {
  return `from ${before.toFixed(4)} to ${after.toFixed(4)}`;
}
