import Type, { type Static } from 'typebox';

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

/**
 * Where each unit of a model stands in a plane of units: blocks one after the other; in a block the
 * query/key units of head 0, 1, …, then the value/output units of head 0, 1, …, then the neurons.
 */
export interface UnitLayout {
  readonly layers: number;
  readonly kvHeads: number;
  readonly qkUnits: number;
  readonly headDim: number;
  readonly intermediate: number;
  /** Units of a block. */
  readonly perLayer: number;
  /** Bytes of a block's bits, least significant bit first; every block starts at a whole byte. */
  readonly bytesPerLayer: number;
}

/** The layout of a model's units. */
export function unitLayout(model: ModelSummary): UnitLayout {
  const { layers, kvHeads, qkUnits, headDim, intermediate } = model;
  const perLayer = kvHeads * (qkUnits + headDim) + intermediate;
  const bytesPerLayer = Math.ceil(perLayer / 8);
  return { layers, kvHeads, qkUnits, headDim, intermediate, perLayer, bytesPerLayer };
}
