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
 * Hugging Face's name of each tensor a family may have; `{layer}` stands for the block's index.
 *
 * Which of them a checkpoint must hold follows from its {@link ModelShape}.
 */
export type TensorNames = Readonly<Partial<Record<Slot, string>>>;

/** Names of a family's sizes in `config.json`; null where it has no such field. */
export interface SizeFields {
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
  /** What an export of a uniformly smaller model changes. */
  readonly sizeFields: SizeFields;
  /**
   * Fields of `config.json` that say what each block does, for a model of these blocks; absent where
   * all blocks do the same.
   */
  readonly blockFields?: (blocks: readonly Block[]) => Readonly<Record<string, unknown>>;
}
