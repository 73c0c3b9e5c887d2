import type { ConfigReader } from '../configReader.ts';
import type { Rotary } from '../../model/block.ts';
import type { Positions } from '../../model/modelShape.ts';

type RopeKind = 'default' | 'linear' | 'dynamic' | 'llama3' | 'yarn' | 'longrope';

/** Ways of stretching the rotary frequencies that we read, by their names in `config.json`. */
const ROPE_KINDS: ReadonlyMap<string, RopeKind> = new Map([
  ['default', 'default'],
  ['linear', 'linear'],
  ['dynamic', 'dynamic'],
  ['llama3', 'llama3'],
  ['yarn', 'yarn'],
]);

/** What a family's rotation is beside what most families have. */
export interface RopeForm {
  /** Kinds of scaling that the family reads, by their names in `config.json`. */
  readonly kinds?: ReadonlyMap<string, RopeKind>;
  /** Dimensions of a head that rotate, even and at most D; all when absent. */
  readonly rotated?: number;
  /** Field of the base beside a section; `rope_theta` when absent. */
  readonly base?: string;
}

/** Numbers of the `llama3` scaling. */
export interface Llama3Scaling {
  readonly factor: number;
  readonly lowFactor: number;
  readonly highFactor: number;
  /** Positions the model was first trained with. */
  readonly originalPositions: number;
}

/**
 * Rotary positions from a configuration, in the form of transformers 5 (`rope_parameters`) or the
 * older one (`rope_theta` and `rope_scaling`).
 *
 * @param config   the model's configuration
 * @param headDim  D, even
 * @param maxPositions  positions of the model, from which `llama3` scales where it names no others
 * @param form     of the family
 * @throws EngineError `checkpoint` for other kinds of scaling and impossible numbers
 */
export function parseRope(
  config: ConfigReader,
  headDim: number,
  maxPositions: number,
  { kinds = ROPE_KINDS, rotated, base: field = 'rope_theta' }: RopeForm = {},
): Positions {
  if (rotated === undefined && headDim % 2 !== 0) {
    config.fail('head_dim', 'an even number under RoPE', `${headDim}`);
  }
  const scaling = config.section('rope_parameters') ?? config.section('rope_scaling');
  const isInside = scaling?.has('rope_theta') === true;
  const base = isInside ? scaling.positive('rope_theta') : config.positive(field, 10_000);
  if (rotated === undefined) refusePartial(config, scaling);
  const plain = plainFrequencies(base, rotated ?? headDim);
  const rotary =
    scaling === undefined
      ? { inverseFrequencies: plain, attentionFactor: 1 }
      : scaled(plain, scaling, { config, base, maxPositions, kinds });
  for (const frequencies of [rotary.inverseFrequencies, rotary.long?.inverseFrequencies ?? plain]) {
    if (!frequencies.every((frequency) => Number.isFinite(frequency))) {
      (scaling ?? config).fail('factor', 'a scaling with finite frequencies', 'infinite ones');
    }
  }
  return { kind: 'rope', ...rotary };
}

/**
 * How many dimensions of a head rotate, for a family that may rotate a part of them.
 *
 * @param config   the model's configuration
 * @param headDim  D
 * @param beside   field beside a section that says the share of them, and the share where none does
 * @returns even, at most D
 * @throws EngineError `checkpoint` for a share of no whole pairs
 */
export function readRotated(
  config: ConfigReader,
  headDim: number,
  beside: { readonly field: string; readonly share: number },
): number {
  const inside = 'partial_rotary_factor';
  const section = config.section('rope_parameters') ?? config.section('rope_scaling');
  const isInside = section?.has(inside) === true;
  const [holder, field] = isInside ? [section, inside] : [config, beside.field];
  const share = holder.positive(field, beside.share);
  const rotated = Math.trunc(headDim * share);
  if (share > 1 || rotated < 2 || rotated % 2 !== 0) {
    holder.fail(field, `a share of ${headDim} dimensions that is even`, `${share}`);
  }
  return rotated;
}

function refusePartial(config: ConfigReader, scaling: ConfigReader | undefined): void {
  // The newer section replaces the fields beside it, the older one does not.
  const parts = config.has('rope_parameters') ? [] : [config];
  for (const part of scaling === undefined ? parts : [...parts, scaling]) {
    part.require('partial_rotary_factor', 1, part.positive('partial_rotary_factor', 1));
  }
}

/**
 * Angular frequency of each rotary pair without scaling: base^(−2i/R).
 *
 * @param base     rope_theta
 * @param rotated  R, dimensions of a head that rotate: D in most models
 * @returns [R/2], radians per position
 */
export function plainFrequencies(base: number, rotated: number): Float64Array {
  return Float64Array.from({ length: rotated / 2 }, (_, i) => base ** ((-2 * i) / rotated));
}

/**
 * The `llama3` scaling: long waves are slowed by the factor, short ones kept, those between blended.
 *
 * Deviation: transformers computes this in float32; we use float64, equal to about 1e-7 relative.
 *
 * @param plain    unscaled frequencies, [D/2], read only
 * @param scaling  the four numbers
 * @returns [D/2], radians per position
 * @source the Llama 3.1 model card's rope_scaling, as transformers reads it
 */
export function llama3Frequencies(plain: Float64Array, scaling: Llama3Scaling): Float64Array {
  const { factor, lowFactor, highFactor, originalPositions } = scaling;
  return plain.map((frequency) => {
    const turns = (originalPositions * frequency) / (2 * Math.PI);
    if (turns < lowFactor) return frequency / factor;
    if (turns > highFactor) return frequency;
    const smooth = (turns - lowFactor) / (highFactor - lowFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/** Numbers of the `yarn` scaling. */
export interface YarnScaling {
  /** rope_theta */
  readonly base: number;
  readonly factor: number;
  readonly originalPositions: number;
  /** Turns over the original positions from which a wave is kept, and up to which it is stretched. */
  readonly fast: number;
  readonly slow: number;
  /** True to end the blend at whole pairs. */
  readonly truncate: boolean;
}

/**
 * The `yarn` scaling: waves of many turns are kept, those of few are stretched, and in between is a
 * straight blend over the pairs.
 *
 * @param plain    unscaled frequencies, [D/2], read only
 * @returns [D/2], radians per position
 * @source Peng et al. 2023 (arXiv 2309.00071), section 3.2, with pairs cut as transformers does
 */
export function yarnFrequencies(plain: Float64Array, scaling: YarnScaling): Float64Array {
  const { base, factor, originalPositions, fast, slow, truncate } = scaling;
  const dims = 2 * plain.length;
  const pairOf = (turns: number): number =>
    (dims * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [first, last] = [pairOf(fast), pairOf(slow)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const end = Math.min(truncate ? Math.ceil(last) : last, dims - 1);
  const high = end === low ? end + 0.001 : end;
  return plain.map((frequency, i) => {
    const stretched = Math.min(1, Math.max(0, (i - low) / (high - low)));
    return (stretched * frequency) / factor + (1 - stretched) * frequency;
  });
}

/** What a scaling is read with besides its own section. */
interface ScaledModel {
  readonly config: ConfigReader;
  /** rope_theta */
  readonly base: number;
  readonly maxPositions: number;
  readonly kinds: ReadonlyMap<string, RopeKind>;
}

function scaled(plain: Float64Array, scaling: ConfigReader, model: ScaledModel): Rotary {
  const { maxPositions } = model;
  // Before transformers 4.43 the field was called "type".
  const kindField = scaling.has('rope_type') ? 'rope_type' : 'type';
  const kind = scaling.choice(kindField, model.kinds, 'default');
  const only = (inverseFrequencies: Float64Array): Rotary => ({
    inverseFrequencies,
    attentionFactor: 1,
  });
  // `dynamic` scales beyond the model's positions alone, and no text of ours is longer than these.
  if (kind === 'default' || kind === 'dynamic') return only(plain);
  if (kind === 'yarn') return yarn(plain, scaling, model);
  if (kind === 'longrope') return longrope(plain, scaling, model);
  const factor = scaling.positive('factor');
  if (kind === 'linear') return only(plain.map((frequency) => frequency / factor));
  const lowFactor = scaling.positive('low_freq_factor');
  const highFactor = scaling.positive('high_freq_factor');
  if (highFactor <= lowFactor) {
    scaling.fail('high_freq_factor', `a number above ${lowFactor}`, `${highFactor}`);
  }
  const originalPositions = scaling.size('original_max_position_embeddings', maxPositions);
  return only(llama3Frequencies(plain, { factor, lowFactor, highFactor, originalPositions }));
}

/**
 * The `longrope` scaling: every frequency has a divisor, another one in texts of more tokens than the
 * model was first trained with. How long a text is decides for all of its positions.
 * @source Ding et al. 2024 (arXiv 2402.13753), with the factor on cos and sin of Phi-3
 */
function longrope(
  plain: Float64Array,
  scaling: ConfigReader,
  { config, maxPositions }: ScaledModel,
): Rotary {
  // Phi-3's own field, and its default.
  const beyond = config.size('original_max_position_embeddings', 4096);
  const factor = scaling.positive('factor', maxPositions / beyond);
  const derived = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(beyond));
  const divided = (field: string): Float64Array => {
    const divisors = scaling.positives(field, plain.length);
    return plain.map((frequency, i) => frequency / divisors[i]!);
  };
  const long = { beyond, inverseFrequencies: divided('long_factor') };
  return {
    inverseFrequencies: divided('short_factor'),
    attentionFactor: scaling.positive('attention_factor', derived),
    ...(beyond < maxPositions ? { long } : {}),
  };
}

function yarn(
  plain: Float64Array,
  scaling: ConfigReader,
  { base, maxPositions }: ScaledModel,
): Rotary {
  const originalPositions = scaling.size('original_max_position_embeddings', maxPositions);
  const factor = scaling.positive('factor', maxPositions / originalPositions);
  const inverseFrequencies = yarnFrequencies(plain, {
    ...{ base, factor, originalPositions },
    fast: scaling.positive('beta_fast', 32),
    slow: scaling.positive('beta_slow', 1),
    truncate: scaling.boolean('truncate', true),
  });
  const sharpness = (weight: number): number =>
    factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
  const [one, all] = [scaling.atLeastZero('mscale', 0), scaling.atLeastZero('mscale_all_dim', 0)];
  const derived = one > 0 && all > 0 ? sharpness(one) / sharpness(all) : sharpness(1);
  return { inverseFrequencies, attentionFactor: scaling.positive('attention_factor', derived) };
}
