import * as Type from 'typebox';
import type { Static } from 'typebox';
import { evaluatedOnSchema } from './evaluatedOn.ts';

const size = Type.Integer({ minimum: 0 });

/** What was pruned: the MLPs, all maps of the blocks, or units and blocks. */
export const compareScopes = ['mlp', 'all', 'structured'] as const;

/** How a model does on a held-out text. */
const judgedOn = {
  /** Null: infinite, the loss then still says how bad it is. */
  perplexity: Type.Union([Type.Number(), Type.Null()]),
  /** Mean loss of a predicted token; absent in rows of older versions. */
  lossNats: Type.Optional(Type.Number()),
  /** What the perplexity was evaluated on; absent in rows of older versions. */
  evaluatedOn: Type.Optional(evaluatedOnSchema),
};
const judgedOnSchema = Type.Object(judgedOn);
/** Figures of a model on a held-out text. */
export type JudgedOn = Readonly<Static<typeof judgedOnSchema>>;

/** Schema of {@link CompareRow}. */
export const compareRowSchema = Type.Object({
  method: Type.String({ maxLength: 40 }),
  /** `2:4`, `50%` (zeros), `kept 70%` (structured), or `dense`. */
  pattern: Type.String({ maxLength: 40 }),
  scope: Type.Enum([...compareScopes]),
  seed: size,
  ...judgedOn,
  /** On a text of another kind; absent when the config names none. */
  shifted: Type.Optional(judgedOnSchema),
  /** Share of the dense model's prunable block parameters that are not zero, added biases included. */
  nonzeroFraction: Type.Number({ minimum: 0 }),
  /** Prunable block parameters that are not zero. */
  params: size,
  /** Time the method took, without evaluation. */
  seconds: Type.Number({ minimum: 0 }),
  /**
   * Tokens that went through the model meanwhile, each counted by the share of the sublayers that it
   * passed; absent in rows of older versions.
   */
  tokensForwarded: Type.Optional(size),
});
/** One line of a comparison. */
export type CompareRow = Readonly<Static<typeof compareRowSchema>>;

/** Ask for a comparison. */
export interface CompareRequest {
  /** A *.subnet.jsonc file; its `compare` section says what is compared. */
  readonly configPath: string;
  readonly seed?: number;
  readonly device?: 'auto' | 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';
}
