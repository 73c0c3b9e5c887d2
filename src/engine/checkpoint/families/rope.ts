import type { ConfigReader } from '../configReader.ts';
import type { Positions } from '../../model/modelShape.ts';

type RopeKind = 'default' | 'linear' | 'llama3';

/** Ways of stretching the rotary frequencies that we read, by their names in `config.json`. */
const ROPE_KINDS: ReadonlyMap<string, RopeKind> = new Map([
  ['default', 'default'],
  ['linear', 'linear'],
  ['llama3', 'llama3'],
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
  const plain = plainFrequencies(base, headDim);
  const inverseFrequencies = scaling === undefined ? plain : scaled(plain, scaling, maxPositions);
  if (!inverseFrequencies.every((frequency) => Number.isFinite(frequency))) {
    (scaling ?? config).fail('factor', 'a scaling with finite frequencies', 'infinite ones');
  }
  return { kind: 'rope', inverseFrequencies, attentionFactor: 1 };
}

/**
 * Angular frequency of each rotary pair without scaling: base^(−2i/D).
 *
 * @param base     rope_theta
 * @param headDim  D
 * @returns [D/2], radians per position
 */
export function plainFrequencies(base: number, headDim: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => base ** ((-2 * i) / headDim));
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

function scaled(plain: Float64Array, scaling: ConfigReader, maxPositions: number): Float64Array {
  // Before transformers 4.43 the field was called "type".
  const kindField = scaling.has('rope_type') ? 'rope_type' : 'type';
  const kind = scaling.choice(kindField, ROPE_KINDS, 'default');
  if (kind === 'default') return plain;
  const factor = scaling.positive('factor');
  if (kind === 'linear') return plain.map((frequency) => frequency / factor);
  const lowFactor = scaling.positive('low_freq_factor');
  const highFactor = scaling.positive('high_freq_factor');
  if (highFactor <= lowFactor) {
    scaling.fail('high_freq_factor', `a number above ${lowFactor}`, `${highFactor}`);
  }
  const originalPositions = scaling.size('original_max_position_embeddings', maxPositions);
  return llama3Frequencies(plain, { factor, lowFactor, highFactor, originalPositions });
}
