import * as Type from 'typebox';
import type { Static } from 'typebox';
import { evaluatedOnSchema } from './evaluatedOn.ts';

const size = Type.Integer({ minimum: 0 });

/** What was pruned: the MLPs, all maps of the blocks, or units and blocks. */
export const compareScopes = ['mlp', 'all', 'structured'] as const;

/** Schema of {@link CompareRow}. */
export const compareRowSchema = Type.Object({
  method: Type.String({ maxLength: 40 }),
  /** `2:4`, `50%` (zeros), `kept 70%` (structured), or `dense`. */
  pattern: Type.String({ maxLength: 40 }),
  scope: Type.Enum([...compareScopes]),
  seed: size,
  /** On the held-out text; null: infinite, the loss then still says how bad it is. */
  perplexity: Type.Union([Type.Number(), Type.Null()]),
  /** Mean loss of a predicted token; absent in rows of older versions. */
  lossNats: Type.Optional(Type.Number()),
  /** What the perplexity was evaluated on; absent in rows of older versions. */
  evaluatedOn: Type.Optional(evaluatedOnSchema),
  /** Share of the dense model's prunable block parameters that are not zero, added biases included. */
  nonzeroFraction: Type.Number({ minimum: 0 }),
  /** Prunable block parameters that are not zero. */
  params: size,
  /** Time the method took, without evaluation. */
  seconds: Type.Number({ minimum: 0 }),
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
