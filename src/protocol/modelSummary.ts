import * as Type from 'typebox';
import type { Static } from 'typebox';

const size = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** Schema of {@link ModelSummary}. */
export const modelSummarySchema = Type.Object({
  family: Type.String(),
  layers: Type.Integer({ minimum: 1, maximum: 4096 }),
  hidden: size,
  heads: size,
  /** Key/value heads: the heads a mask is about. */
  kvHeads: Type.Integer({ minimum: 1, maximum: 65_536 }),
  headDim: Type.Integer({ minimum: 1, maximum: 65_536 }),
  /** Prunable query/key units of a head: rotary pairs, or dimensions without rotary positions. */
  qkUnits: Type.Integer({ minimum: 1, maximum: 65_536 }),
  intermediate: Type.Integer({ minimum: 1, maximum: 1_048_576 }),
  vocab: size,
  /** All parameters. */
  params: size,
  /** Prunable block parameters. */
  blockParams: size,
});
/** The sizes of a model that its masks, counts and pictures need. */
export type ModelSummary = Readonly<Static<typeof modelSummarySchema>>;
