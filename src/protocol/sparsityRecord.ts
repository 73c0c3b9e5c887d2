import * as Type from 'typebox';
import type { Static } from 'typebox';
import { MOST_LAYERS, MOST_SIZE } from './bounds.ts';

/** Version of `masks/sparse.json`. */
export const SPARSITY_SCHEMA_VERSION = 1;

/** Name of the record, in the folder of a run's masks. */
export const SPARSE_RECORD_FILE = 'sparse.json';
/** Name of the bits beside it. */
export const SPARSE_BITS_FILE = 'sparse.bits';

/** Linear maps of a block that can be made sparse, in the order they are shown. */
export const mapNames = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;
/** Name of such a map; `up` and `down` are the two maps of an MLP without a gate. */
export type MapName = (typeof mapNames)[number];

const size = Type.Integer({ minimum: 0 });
const width = Type.Integer({ minimum: 0, maximum: MOST_SIZE });
const share = Type.Number({ minimum: 0 });
const map = Type.Enum([...mapNames]);

/** Schema of {@link MapDensity}. */
export const mapDensitySchema = Type.Object({
  map,
  /** Weights that are not zero. */
  kept: size,
  /** Weights. */
  size,
});
/** How full a sparse map is. */
export type MapDensity = Readonly<Static<typeof mapDensitySchema>>;

/** Schema of {@link SparseMap}. */
export const sparseMapSchema = Type.Object({
  block: Type.Integer({ minimum: 0, maximum: MOST_LAYERS }),
  map,
  /** Outputs: rows of the weight as [outputs, inputs], the layout of Hugging Face checkpoints. */
  rows: width,
  /** Inputs. */
  columns: width,
  kept: size,
  /** First byte of the map in `masks/sparse.bits`: rows × ceil(columns / 8), lowest bit first. */
  offset: size,
  /** The dimension along which weights competed. */
  along: Type.Enum(['inputs', 'outputs']),
  /** Σ‖t − z·W‖² / Σ‖t‖² on calibration, of the cut and of the reformed weights; null: not reformed. */
  error: Type.Union([Type.Object({ before: share, after: share }), Type.Null()]),
  /**
   * Weights by score in bins of equal width between the logarithms (base 10) `from` and `to`; scores
   * of zero are in the first bin. Null for SparseGPT, whose scores change while it works.
   */
  scores: Type.Union([
    Type.Object({
      from: Type.Number(),
      to: Type.Number(),
      kept: Type.Array(size, { maxItems: 256 }),
      removed: Type.Array(size, { maxItems: 256 }),
    }),
    Type.Null(),
  ]),
});
/** One map that was made sparse. */
export type SparseMap = Readonly<Static<typeof sparseMapSchema>>;

/** Schema of {@link SparsityRecord}. */
export const sparsityRecordSchema = Type.Object({
  schemaVersion: Type.Literal(SPARSITY_SCHEMA_VERSION),
  method: Type.String({ maxLength: 40 }),
  pattern: Type.String({ maxLength: 12 }),
  scope: Type.Enum(['mlp', 'all']),
  /** By block, then in the order of {@link mapNames}. */
  maps: Type.Array(sparseMapSchema, { maxItems: 65_536 }),
});
/** `masks/sparse.json`: where the zeros of a run are; their bits are in `masks/sparse.bits`. */
export type SparsityRecord = Readonly<Static<typeof sparsityRecordSchema>>;
