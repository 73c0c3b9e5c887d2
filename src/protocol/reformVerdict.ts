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
