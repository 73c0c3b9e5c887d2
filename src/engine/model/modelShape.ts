import { blocksOf, type BlockTraits, type Norm, qkUnitCount, type Rotary } from './block.ts';

/** Activation functions of the MLPs we read. */
export type Activation = 'silu' | 'relu' | 'gelu' | 'geluTanh';

/** How a token's place enters the model. */
export type Positions =
  | ({ readonly kind: 'rope' } & Rotary)
  | {
      readonly kind: 'learned';
      /** Row of the position table that position 0 uses (2 for OPT). */
      readonly offset: number;
    };

/**
 * Everything the engine must know about an architecture: sizes and switches, no tensors.
 *
 * A model family is a parser from `config.json` to this plus a table of tensor names. Glossary:
 * L layers, H hidden, I intermediate, A query heads, G key/value heads, D head width, V vocabulary.
 */
export interface ModelShape {
  /** Family name, e.g. `llama`. */
  readonly family: string;
  /** L */
  readonly layers: number;
  /** H */
  readonly hidden: number;
  /** A */
  readonly heads: number;
  /** G; A is a multiple of it. */
  readonly kvHeads: number;
  /** D */
  readonly headDim: number;
  /** I */
  readonly intermediate: number;
  /** V */
  readonly vocab: number;
  /** Longest sequence the model was made for, tokens. */
  readonly maxPositions: number;
  /** True when the output head is the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Of every norm; `gainOffset` is 0 when absent. */
  readonly norm: Pick<Norm, 'kind' | 'epsilon'> & Partial<Pick<Norm, 'gainOffset'>>;
  readonly positions: Positions;
  /** Factor on the rows of the embedding table as the stream begins; 1 when absent. */
  readonly embeddingScale?: number;
  readonly mlp: { readonly gated: boolean; readonly activation: Activation };
  readonly bias: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean };
  /**
   * What each block does otherwise, [L]; absent where the switches above say it all. What a block is
   * in the end, `blockOf` says.
   */
  readonly blocks?: readonly BlockTraits[];
}

/** Query heads that share one key/value head. */
export function groupSize(shape: ModelShape): number {
  return shape.heads / shape.kvHeads;
}

/**
 * The most query/key units that a key/value head of any block has: planes of units have room for so
 * many in each block. How many a block has, `qkUnitCount` says.
 */
export function mostQkUnits(shape: ModelShape): number {
  return Math.max(...blocksOf(shape).map(({ attention }) => qkUnitCount(attention)));
}
