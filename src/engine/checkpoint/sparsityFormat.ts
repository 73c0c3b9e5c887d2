import { EngineError, misfit } from '../../protocol/errors.ts';
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
  if (method !== COMPRESSION_METHOD) throw quantised(method, section);
  if (!isEmpty(groups) || !isEmpty(cache) || !isEmpty(section['transform_config'])) {
    throw quantised(method, section);
  }
  const sparsity = section['sparsity_config'];
  const format = isObject(sparsity) ? sparsity['format'] : undefined;
  if (format === 'dense') return null;
  if (format === 'sparse-bitmask' || format === 'sparse-24-bitmask') return format;
  const name = 'quantization_config.sparsity_config.format';
  throw refused(name, 'one of "sparse-bitmask", "sparse-24-bitmask" and "dense"', shown(format));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (isObject(value) && !Object.keys(value).length);
}

/** Methods that quantise weights while they are loaded: the files may hold plain ones. */
const ON_LOADING = new Set<unknown>(['bitsandbytes', 'quanto', 'hqq', 'torchao', 'eetq']);

function quantised(method: unknown, section: Readonly<Record<string, unknown>>): EngineError {
  const bits = section['bits'] ?? (section['load_in_4bit'] === true ? 4 : undefined);
  const how = `${shown(method)}${typeof bits === 'number' ? `, ${bits} bits` : ''}`;
  const advice = 'Use the original checkpoint, whose weights are not quantised.';
  return new EngineError('checkpoint', {
    what: 'config.json: "quantization_config"',
    expected: 'weights that are not quantised',
    found: how,
    action: ON_LOADING.has(method)
      ? `${advice} If the files hold plain weights and the field is a leftover, remove "quantization_config" from config.json.`
      : advice,
    sentence: `config.json says that the model is quantised (${how}); quantised weights cannot be pruned.`,
  });
}

function refused(name: string, expected: string, found: string): EngineError {
  return new EngineError('checkpoint', {
    ...misfit(`"${name}" in config.json`, expected, found),
    action: 'Use a checkpoint whose weights are stored as F32, F16 or BF16.',
  });
}
