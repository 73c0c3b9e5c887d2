import type { ConfigReader } from '../configReader.ts';
import type { Block, LinearName, NormName } from '../../model/block.ts';
import type { ModelShape } from '../../model/modelShape.ts';

/** Our names of the tensors that a model has once. */
export type ModelSlot =
  | 'embedding'
  | 'projectIn'
  | 'positionTable'
  | 'finalNorm.gain'
  | 'finalNorm.shift'
  | 'projectOut'
  | 'head';

/** Our names of the tensors that every block has. */
export type LayerSlot =
  `${NormName}.gain` | `${NormName}.shift` | `${LinearName}.weight` | `${LinearName}.bias`;

/** Our name of any tensor. */
export type Slot = ModelSlot | LayerSlot;

/**
 * Hugging Face's name of each tensor a family may have; `{layer}` stands for the block's index. Maps
 * that are stored as one tensor have the same name.
 *
 * Which of them a checkpoint must hold follows from its {@link ModelShape}.
 */
export type TensorNames = Readonly<Partial<Record<Slot, string>>>;

/** Neighbouring rows: so many from one on. */
export interface RowRange {
  readonly from: number;
  readonly count: number;
}

/** Outputs of a map that lie beside each other in a tensor of several maps. */
export interface MapPart extends RowRange {
  readonly map: LinearName;
}

/** Names of a family's sizes in `config.json`; null where it has no such field. */
export interface SizeFields {
  readonly layers: string;
  readonly mlp: string;
  readonly heads: string;
  readonly kvHeads: string | null;
  readonly headDim: string | null;
}

/** One model architecture, as data. */
export interface Family {
  /** Our name, which is {@link ModelShape.family}. */
  readonly name: string;
  /** Values of `model_type` in `config.json` that mean this family. */
  readonly modelTypes: readonly string[];
  /** Reads the sizes and switches; throws an EngineError `checkpoint` for unsupported variants. */
  readonly parse: (config: ConfigReader) => ModelShape;
  readonly tensorNames: TensorNames;
  /**
   * The tensors of a block that hold several maps: the outputs of each, in the order in which they are
   * stored. Absent where every map is a tensor of its own.
   */
  readonly fused?: (block: Block) => readonly (readonly MapPart[])[];
  /** True where the matrices of maps are stored as [inputs, outputs]; otherwise outputs come first. */
  readonly inputsFirst?: boolean;
  /** Ends of the names of stored tensors that follow from the configuration and are not read. */
  readonly buffers?: readonly string[];
  /** What an export of a uniformly smaller model changes. */
  readonly sizeFields: SizeFields;
  /**
   * Fields of `config.json` that say what each block does, for a model of these blocks; absent where
   * all blocks do the same.
   */
  readonly blockFields?: (blocks: readonly Block[]) => Readonly<Record<string, unknown>>;
}
