import * as Type from 'typebox';
import type { Static } from 'typebox';

/** Nats before and after. */
const changeSchema = Type.Object({ before: Type.Number(), after: Type.Number() });

/** Schema of {@link RefitVerdict}. */
export const refitVerdictSchema = Type.Object({
  /** Share of the change of the weights that was taken; 0 for none: they stay as they were. */
  step: Type.Number({ minimum: 0, maximum: 1 }),
  /** Predictions that judged it. */
  tokens: Type.Integer({ minimum: 0 }),
  /** Mean negative log-likelihood, nats; `after` is that of the step taken, or of the best refused. */
  loss: changeSchema,
  /** Mean KL(dense ‖ subnet), nats, likewise. */
  distance: changeSchema,
});
/** How much of a refit was taken, and what it did to text that it was not fitted to. */
export type RefitVerdict = Readonly<Static<typeof refitVerdictSchema>>;

/** Schema of {@link RefitVerdicts}. */
export const refitVerdictsSchema = Type.Object({
  reform: Type.Optional(refitVerdictSchema),
  sparsify: Type.Optional(refitVerdictSchema),
});
/** Verdicts of a run by the stage that refitted; absent where it did not. */
export type RefitVerdicts = Readonly<Static<typeof refitVerdictsSchema>>;

/** One or two sentences for people. */
export function verdictText(stage: keyof RefitVerdicts, verdict: RefitVerdict): string {
  const { step, tokens, loss, distance } = verdict;
  const what = stage === 'reform' ? 'reform' : 'reform of the sparse weights';
  const from = ({ before, after }: RefitVerdict['loss']): string =>
    `from ${before.toFixed(4)} to ${after.toFixed(4)} nats`;
  const found = `loss ${from(loss)}, distance to the dense model ${from(distance)}, on ${tokens} tokens`;
  if (step === 0) {
    return `${capital(what)} was not taken: it did not lower the loss on held-back text for certain (${found}). The weights stay as they were.`;
  }
  const part =
    step === 1 ? capital(what) : `${step === 1 / 2 ? 'Half' : 'A quarter'} of the ${what}`;
  return `${part} was taken: on held-back text it changes the ${found}.`;
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
