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
 * @throws EngineError `checkpoint` for other kinds of scaling and impossible numbers
 */
export function parseRope(config: ConfigReader, headDim: number, maxPositions: number): Positions {
  if (headDim % 2 !== 0) config.fail('head_dim', 'an even number under RoPE', `${headDim}`);
  const scaling = config.section('rope_parameters') ?? config.section('rope_scaling');
  const baseFrom = scaling?.has('rope_theta') === true ? scaling : config;
  const base = baseFrom.positive('rope_theta', 10_000);
  // The newer section replaces the fields beside it, the older one does not.
  const parts = config.has('rope_parameters') ? [] : [config];
  for (const part of scaling === undefined ? parts : [...parts, scaling]) {
    part.require('partial_rotary_factor', 1, part.positive('partial_rotary_factor', 1));
  }
  return rotation(scaling, { config, base, dims: headDim, maxPositions, kinds: ROPE_KINDS });
}

/** How a family that rotates heads in part says so, if not in a section. */
export interface PartialRopeFields {
  /** Field of the base. */
  readonly base: string;
  /** Field of the share of a head's dimensions that is rotated. */
  readonly part: string;
  /** That share where nothing says it. */
  readonly defaultPart: number;
  /** Kinds of scaling that the family reads, by their names; absent: those that most families read. */
  readonly kinds?: ReadonlyMap<string, RopeKind>;
}

/**
 * Rotary positions of heads whose first dimensions alone are rotated. What a section leaves out is
 * in fields beside it, whatever the form.
 *
 * @param config   the model's configuration
 * @param headDim  D
 * @param maxPositions  positions of the model
 * @throws EngineError `checkpoint` as {@link parseRope}, and where no whole pairs are rotated
 */
export function parsePartialRope(
  config: ConfigReader,
  headDim: number,
  maxPositions: number,
  fields: PartialRopeFields,
): Positions {
  const scaling = config.section('rope_parameters') ?? config.section('rope_scaling');
  const read = (name: string, beside: string, fallback: number): number =>
    scaling?.has(name) === true ? scaling.positive(name) : config.positive(beside, fallback);
  const base = read('rope_theta', fields.base, 10_000);
  const part = read('partial_rotary_factor', fields.part, fields.defaultPart);
  const dims = Math.trunc(headDim * part);
  if (part > 1 || dims === 0 || dims % 2 !== 0) {
    const expected = `a share of 1 or less that rotates an even number of the ${headDim} dimensions of a head`;
    config.fail(fields.part, expected, `${part}`);
  }
  const { kinds = ROPE_KINDS } = fields;
  return rotation(scaling, { config, base, dims, maxPositions, kinds });
}

/** What rotations are made of besides a section of their own. */
interface RopeFacts {
  readonly config: ConfigReader;
  /** rope_theta */
  readonly base: number;
  /** Dimensions of a head that are rotated. */
  readonly dims: number;
  readonly maxPositions: number;
  readonly kinds: ReadonlyMap<string, RopeKind>;
}

/** Rotation of the first dimensions of every head. */
function rotation(scaling: ConfigReader | undefined, facts: RopeFacts): Positions {
  const plain = plainFrequencies(facts.base, facts.dims);
  const rotary =
    scaling === undefined
      ? { inverseFrequencies: plain, attentionFactor: 1 }
      : scaled(plain, scaling, facts);
  for (const frequencies of [rotary.inverseFrequencies, rotary.long?.inverseFrequencies ?? plain]) {
    if (!frequencies.every((frequency) => Number.isFinite(frequency))) {
      (scaling ?? facts.config).fail(
        'factor',
        'a scaling with finite frequencies',
        'infinite ones',
      );
    }
  }
  return { kind: 'rope', ...rotary };
}

/**
 * Angular frequency of each rotary pair without scaling: base^(−2i/D).
 *
 * @param base  rope_theta
 * @param dims  D, the dimensions of a head that are rotated
 * @returns [D/2], radians per position
 */
export function plainFrequencies(base: number, dims: number): Float64Array {
  return Float64Array.from({ length: dims / 2 }, (_, i) => base ** ((-2 * i) / dims));
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

function scaled(plain: Float64Array, scaling: ConfigReader, model: RopeFacts): Rotary {
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
  { config, maxPositions }: RopeFacts,
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
  { base, maxPositions }: RopeFacts,
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
