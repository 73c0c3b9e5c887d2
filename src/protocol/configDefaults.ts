import type { SchemaNode } from './describeSchema.ts';
import { runConfigSchema, type ResolvedConfig, type RunConfig } from './runConfig.ts';
import { expandSearch } from './searchPresets.ts';

/** Damping values that "auto" chooses from, fractions of the mean Gram diagonal (METHODS 5.7). */
const AUTO_DAMPING: readonly number[] = [0.001, 0.01, 0.1, 1, 10];

/** A config in which only the name may still be missing and paths are as written. */
export type DefaultedConfig = Omit<ResolvedConfig, 'name'> & { readonly name: string | null };

/**
 * The config with every value present: the user's, else the preset's, else the schema's default.
 * @param config  as parsed; not changed
 */
export function fillDefaults(config: RunConfig): DefaultedConfig {
  const { search, ratio, heldout, name } = config;
  // The schema gives each section and each field outside "search" a default, so nothing that is
  // read from `full` below is missing; a test compares it with the schema.
  const full = filled(runConfigSchema as unknown as SchemaNode, config) as ResolvedConfig;
  return {
    model: full.model,
    ratio,
    text: full.text,
    heldout: heldout ?? null,
    name: name ?? null,
    seed: full.seed,
    device: full.device,
    threads: full.threads,
    method: full.method,
    calibration: full.calibration,
    levels: full.levels,
    importance: full.importance,
    attention: full.attention,
    search: expandSearch(search, full.method),
    reform: {
      method: full.reform.method,
      target: config.reform?.target ?? (full.method === 'levels' ? 'auto' : 'dense'),
      damping: dampingValues(config.reform?.damping),
      rho: full.reform.rho,
      iterations: full.reform.iterations,
      windows: config.reform?.windows ?? full.calibration.windows,
    },
    sparsify: full.sparsify,
    evaluation: full.evaluation,
    export: full.export,
    compare: { ...full.compare, shifted: config.compare?.shifted ?? null },
  };
}

function dampingValues(damping: number | 'auto' | readonly number[] = 'auto'): readonly number[] {
  if (damping === 'auto') return AUTO_DAMPING;
  return typeof damping === 'number' ? [damping] : damping;
}

/** A value in which every absent field that has a default, at any depth, has it. */
function filled(schema: SchemaNode, value: unknown): unknown {
  const here = value === undefined ? structuredClone(schema.default) : value;
  const { properties } = schema;
  if (properties === undefined || typeof here !== 'object' || here === null) return here;
  const whole: Record<string, unknown> = { ...here };
  for (const [name, child] of Object.entries(properties)) {
    const part = filled(child, whole[name]);
    if (part !== undefined) whole[name] = part;
  }
  return whole;
}
