import type { Activation, ModelShape } from './modelShape.ts';
import type { LayerMask } from './subnet.ts';

/** The two kinds of sublayer. */
export type SublayerKind = 'attention' | 'mlp';

/** The linear maps of a block. */
export type LinearName = 'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down';

/** The maps a sublayer may have, in the order they are applied; the last ends it. */
export const MAPS: Readonly<Record<SublayerKind, readonly LinearName[]>> = {
  attention: ['q', 'k', 'v', 'o'],
  mlp: ['gate', 'up', 'down'],
};

/** The map that ends a sublayer. */
export const OUTPUT_MAP = { attention: 'o', mlp: 'down' } as const;

/** True for the map that ends a sublayer, whose weight is stored with its inputs as rows. */
export function isOutputMap(name: LinearName): boolean {
  return name === 'o' || name === 'down';
}

/** The norms that a block may have, by the names of their weights. */
export type NormName =
  | 'attentionNorm'
  | 'qNorm'
  | 'kNorm'
  | 'attentionAfterNorm'
  | 'attentionBehindNorm'
  | 'mlpNorm'
  | 'mlpAfterNorm'
  | 'mlpBehindNorm';

/** How a norm computes. */
export interface Norm {
  /** `rms`: gain only; `layer`: centred, with a gain and a shift. */
  readonly kind: 'rms' | 'layer';
  readonly epsilon: number;
  /** Added to the stored gain: 1 where checkpoints store the gain less one (Gemma), else 0. */
  readonly gainOffset: 0 | 1;
}

/** Norms around a sublayer; null where there is none. */
export interface SublayerNorms {
  /** Of what enters the sublayer. */
  readonly before: Norm | null;
  /** Of what the sublayer adds to the residual stream. It goes with the sublayer. */
  readonly after: Norm | null;
  /** Of the residual stream once the sublayer was added (post-norm). It stays without the sublayer. */
  readonly behind: Norm | null;
}

/** Sizes of a linear map y = W·x + b. */
export interface LinearMap {
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
}

/**
 * Rotation of queries and keys. Pair i joins head dimensions i and i + P, P pairs in all; dimensions
 * from 2P on are not rotated.
 */
export interface Rotary {
  /** Angular frequency of each pair, [P], radians per position, scaling already applied. */
  readonly inverseFrequencies: Float64Array;
  /** Factor on cos and sin; 1 except for YaRN-like scalings. */
  readonly attentionFactor: number;
  /** Frequencies of texts of more than `beyond` tokens, [P]; absent where all texts have the same. */
  readonly long?: { readonly inverseFrequencies: Float64Array; readonly beyond: number };
}

/** The frequencies of a text of so many tokens, [P]. */
export function frequenciesOf({ inverseFrequencies, long }: Rotary, tokens: number): Float64Array {
  return long !== undefined && tokens > long.beyond ? long.inverseFrequencies : inverseFrequencies;
}

/** An attention sublayer. */
export interface Attention {
  readonly norms: SublayerNorms;
  readonly maps: Readonly<Record<'q' | 'k' | 'v' | 'o', LinearMap>>;
  /** A */
  readonly heads: number;
  /** G; A is a multiple of it. */
  readonly kvHeads: number;
  /** D, of queries, keys and values. */
  readonly headDim: number;
  /** Null where the block does not rotate. */
  readonly rotary: Rotary | null;
  /**
   * Norm of each query and key head over its D dimensions, before they are rotated. Its statistic
   * is that of the whole head, so units inside a head cannot be left out; whole heads can.
   */
  readonly qkNorm: Norm | null;
  /** Factor on the scores q·k. */
  readonly scale: number;
  /** c of c·tanh(score / c), before the mask; null for none. */
  readonly softcap: number | null;
  /** Tokens a token sees, itself included; null for all before it. */
  readonly window: number | null;
}

/** An MLP sublayer. */
export interface Mlp {
  readonly norms: SublayerNorms;
  /** `gate` is null for a plain MLP. */
  readonly maps: Readonly<Record<'up' | 'down', LinearMap>> & { readonly gate: LinearMap | null };
  readonly activation: Activation;
  /** I */
  readonly intermediate: number;
}

/**
 * What a block is, as data: everything that its computation, its prunable units and their cost
 * follow from. Its weights are elsewhere.
 */
export interface Block {
  /** H */
  readonly hidden: number;
  /** `parallel`: both sublayers read the stream before the block, and their outputs are added to it. */
  readonly residual: 'sequential' | 'parallel';
  readonly attention: Attention;
  readonly mlp: Mlp;
  /**
   * The units that the checkpoint has of the block, where others were removed before or blocks differ in
   * size; null where it has all. In the place of those it lacks the weights are zeros, so that what a mask does not name
   * adds nothing, and maps keep the sizes that heads and rotation are laid out by.
   */
  readonly held: LayerMask | null;
}

/** What one block of a model does otherwise than the switches of its shape say. */
export interface BlockTraits {
  readonly residual?: Block['residual'];
  readonly attention?: Partial<
    Pick<Attention, 'rotary' | 'qkNorm' | 'scale' | 'softcap' | 'window'>
  > & { readonly norms?: Partial<SublayerNorms> };
  readonly mlp?: { readonly norms?: Partial<SublayerNorms> };
  readonly held?: LayerMask;
}

/** The norm of a model's stream: that of sublayers and of the output head. */
export function normOf({ norm }: ModelShape): Norm {
  return { gainOffset: 0, ...norm };
}

/** The norm in front of the output head; null where there is none. */
export function finalNormOf(shape: ModelShape): Norm | null {
  return shape.hasFinalNorm === false ? null : normOf(shape);
}

/** The norms of a block; null where it has none. */
export function normsOf({ attention, mlp }: Block): Readonly<Record<NormName, Norm | null>> {
  return {
    attentionNorm: attention.norms.before,
    qNorm: attention.qkNorm,
    kNorm: attention.qkNorm,
    attentionAfterNorm: attention.norms.after,
    attentionBehindNorm: attention.norms.behind,
    mlpNorm: mlp.norms.before,
    mlpAfterNorm: mlp.norms.after,
    mlpBehindNorm: mlp.norms.behind,
  };
}

/**
 * One block of a model.
 * @param index  0 … L − 1
 */
export function blockOf(shape: ModelShape, index: number): Block {
  const { hidden, heads, kvHeads, headDim, intermediate, bias, positions } = shape;
  const traits = shape.blocks?.[index] ?? {};
  const norms = {
    before: normOf(shape),
    after: null,
    behind: null,
  } as const;
  const [query, keyValue] = [heads * headDim, kvHeads * headDim];
  const input = (outputs: number, biased: boolean): LinearMap => ({
    inputs: hidden,
    outputs,
    bias: biased,
  });
  const rotary = positions.kind === 'rope' ? positions : null;
  return {
    hidden,
    residual: traits.residual ?? 'sequential',
    attention: {
      maps: {
        q: input(query, bias.qkv),
        k: input(keyValue, bias.qkv),
        v: input(keyValue, bias.qkv),
        o: { inputs: query, outputs: hidden, bias: bias.output },
      },
      heads,
      kvHeads,
      headDim,
      rotary,
      qkNorm: null,
      scale: 1 / Math.sqrt(headDim),
      softcap: null,
      window: null,
      ...traits.attention,
      norms: { ...norms, ...traits.attention?.norms },
    },
    held: traits.held ?? null,
    mlp: {
      norms: { ...norms, ...traits.mlp?.norms },
      maps: {
        gate: shape.mlp.gated ? input(intermediate, bias.mlp) : null,
        up: input(intermediate, bias.mlp),
        down: { inputs: intermediate, outputs: hidden, bias: bias.mlp },
      },
      activation: shape.mlp.activation,
      intermediate,
    },
  };
}

/** All blocks of a model, [L]. */
export function blocksOf(shape: ModelShape): Block[] {
  return Array.from({ length: shape.layers }, (_, index) => blockOf(shape, index));
}

/** True where a block of a model normalises the stream behind a sublayer. */
export function hasNormsBehind(shape: ModelShape): boolean {
  return blocksOf(shape).some(
    ({ attention, mlp }) => attention.norms.behind !== null || mlp.norms.behind !== null,
  );
}

/** True for a sublayer that reads another stream than it adds to. */
export function addsElsewhere(kind: SublayerKind, { residual }: Block): boolean {
  return kind === 'mlp' && residual === 'parallel';
}

/**
 * What a sublayer reads: the residual stream that it adds to, or the one before the block, where both
 * sublayers read that.
 * @param at  the streams before the sublayer and before the block, in any form
 */
export function readsOf<Stream>(
  kind: SublayerKind,
  block: Block,
  at: { readonly states: Stream; readonly entering: Stream },
): Stream {
  return addsElsewhere(kind, block) ? at.entering : at.states;
}

/** Sizes of a linear map of a block; null where the block has no such map. */
export function mapOf({ attention, mlp }: Block, name: LinearName): LinearMap | null {
  return { ...attention.maps, ...mlp.maps }[name];
}

/** Query heads that share one key/value head of a block. */
export function queriesPerKey({ heads, kvHeads }: Pick<Attention, 'heads' | 'kvHeads'>): number {
  return heads / kvHeads;
}

/** What the query/key dimensions of a head are: rotary pairs first, then what is not rotated. */
export interface QueryKeyUnits {
  readonly pairs: number;
  readonly singles: number;
  /**
   * True where a head is one unit: its norm's statistic is that of all its dimensions, and would be
   * another one without some of them.
   */
  readonly whole: boolean;
}

/** The query/key units of each key/value head of a block. */
export function qkUnitsOf({
  rotary,
  headDim,
  qkNorm,
}: Pick<Attention, 'rotary' | 'headDim' | 'qkNorm'>): QueryKeyUnits {
  const pairs = rotary?.inverseFrequencies.length ?? 0;
  return { pairs, singles: headDim - 2 * pairs, whole: qkNorm !== null };
}

/** How many query/key units each key/value head of a block has. */
export function qkUnitCount(attention: Pick<Attention, 'rotary' | 'headDim' | 'qkNorm'>): number {
  const { pairs, singles, whole } = qkUnitsOf(attention);
  return whole ? 1 : pairs + singles;
}
