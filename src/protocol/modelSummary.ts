import * as Type from 'typebox';
import type { Static } from 'typebox';
import { MOST_HEAD_DIM, MOST_HEADS, MOST_LAYERS, MOST_SIZE } from './bounds.ts';

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const size = Type.Integer({ minimum: 1, maximum: MOST_SIZE });
const heads = Type.Integer({ minimum: 1, maximum: MOST_HEADS });
const headDim = Type.Integer({ minimum: 1, maximum: MOST_HEAD_DIM });

/** Schema of {@link ModelSummary}. */
export const modelSummarySchema = Type.Object({
  family: Type.String(),
  layers: Type.Integer({ minimum: 1, maximum: MOST_LAYERS }),
  hidden: size,
  heads,
  /** Key/value heads: the heads a mask is about. */
  kvHeads: heads,
  headDim,
  /**
   * Prunable query/key units of a head: rotary pairs and dimensions that are not rotated; the most
   * that any block has.
   */
  qkUnits: headDim,
  intermediate: size,
  vocab: size,
  /** All parameters. */
  params: count,
  /** Prunable block parameters. */
  blockParams: count,
});
/** The sizes of a model that its masks, counts and pictures need. */
export type ModelSummary = Readonly<Static<typeof modelSummarySchema>>;
