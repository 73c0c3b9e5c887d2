import { EngineError } from '../../protocol/errors.ts';
import type { BitmaskForm } from './bitmaskPacking.ts';
import { shown } from './shown.ts';

/** The library whose name and forms compressed checkpoints use. */
export const COMPRESSION_METHOD = 'compressed-tensors';

/**
 * In which form a checkpoint keeps sparse maps without their zeros.
 *
 * @param config  `config.json` as found
 * @returns null for a checkpoint of plain tensors
 * @throws EngineError `checkpoint` for a quantised checkpoint and for forms we do not know
 */
export function sparsityFormatOf(config: Readonly<Record<string, unknown>>): BitmaskForm | null {
  const section = config['quantization_config'] ?? null;
  if (section === null) return null;
  if (!isObject(section)) throw refused('quantization_config', 'an object', shown(section));
  const { quant_method: method, config_groups: groups, kv_cache_scheme: cache } = section;
  if (method !== COMPRESSION_METHOD) {
    throw refused('quantization_config', 'weights that are not quantised', shown(method));
  }
  if (!isEmpty(groups) || !isEmpty(cache) || !isEmpty(section['transform_config'])) {
    throw refused('quantization_config', 'weights that are not quantised', shown(section));
  }
  const sparsity = section['sparsity_config'];
  const format = isObject(sparsity) ? sparsity['format'] : undefined;
  if (format === 'dense') return null;
  if (format === 'sparse-bitmask' || format === 'sparse-24-bitmask') return format;
  const name = 'quantization_config.sparsity_config.format';
  throw refused(name, 'sparse-bitmask, sparse-24-bitmask or dense', shown(format));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (isObject(value) && !Object.keys(value).length);
}

function refused(name: string, expected: string, found: string): EngineError {
  return new EngineError('checkpoint', {
    what: `config.json: "${name}"`,
    expected,
    found,
    action: 'Use a checkpoint whose weights are stored as F32, F16 or BF16.',
  });
}
