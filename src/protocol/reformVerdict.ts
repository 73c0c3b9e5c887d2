import * as Type from 'typebox';
import type { Static } from 'typebox';

/** Nats before and after. */
const changeSchema = Type.Object({ before: Type.Number(), after: Type.Number() });

/** Schema of {@link ReformVerdict}. */
export const reformVerdictSchema = Type.Object({
  /** Share of the change of the weights that was accepted; 0: the weights stay as they were. */
  step: Type.Number({ minimum: 0, maximum: 1 }),
  /** Weight matrices that were to be reformed, and those of them whose held-back error fell. */
  maps: Type.Object({
    all: Type.Integer({ minimum: 0 }),
    accepted: Type.Integer({ minimum: 0 }),
  }),
  /** Predictions that judged it. */
  tokens: Type.Integer({ minimum: 0 }),
  /**
   * Mean negative log-likelihood, nats; `after` is that of the accepted step, or of the best one
   * when all were rejected.
   */
  loss: changeSchema,
  /** Mean KL(dense ‖ subnet), nats, likewise. */
  distance: changeSchema,
});
/** How much of a reform was accepted, and what it did to text that it was not fitted to. */
export type ReformVerdict = Readonly<Static<typeof reformVerdictSchema>>;

/** Schema of {@link ReformVerdicts}. */
export const reformVerdictsSchema = Type.Object({
  reform: Type.Optional(reformVerdictSchema),
  sparsify: Type.Optional(reformVerdictSchema),
});
/** Verdicts of a run by stage; absent for a stage that reformed nothing. */
export type ReformVerdicts = Readonly<Static<typeof reformVerdictsSchema>>;

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
