import type { StageName } from '../../protocol/runWords.ts';

/** What a run was set up to do. */
export interface RunPlan {
  /** In the order in which they run. */
  readonly stages: readonly StageName[];
  /** It chooses units to keep. */
  readonly findsSubnet: boolean;
  /** It tries many subnets, not only the one that it begins with. */
  readonly searches: boolean;
  readonly reforms: boolean;
  readonly sparsifies: boolean;
}

/**
 * What a run was set up to do.
 * @param config  resolved, of any version: what it does not say has its default
 */
export function planOf(config: Readonly<Record<string, unknown>>): RunPlan {
  const sparsifies = (textIn(config, 'sparsify', 'method') ?? 'none') !== 'none';
  const findsSubnet = !(sparsifies && config['ratio'] === 1);
  const searches = findsSubnet && valueIn(config, 'search', 'enabled') !== false;
  const reforms = findsSubnet && textIn(config, 'reform', 'method') !== 'none';
  const stages: readonly (readonly [StageName, boolean])[] = [
    ['import', true],
    ['calibrate', findsSubnet],
    ['score', findsSubnet],
    ['search', searches],
    ['reform', reforms],
    ['sparsify', sparsifies],
    ['evaluate', true],
    ['export', true],
  ];
  return {
    stages: stages.filter(([, planned]) => planned).map(([stage]) => stage),
    ...{ findsSubnet, searches, reforms, sparsifies },
  };
}

/** True for a run that searches levels; runs of older versions name no method. */
export function isOfLevels(config: Readonly<Record<string, unknown>>): boolean {
  return config['method'] === 'levels';
}

/** A field of a section of a config; undefined when there is none. */
export function valueIn(
  config: Readonly<Record<string, unknown>>,
  section: string,
  field: string,
): unknown {
  const fields = config[section];
  if (typeof fields !== 'object' || fields === null) return undefined;
  return (fields as Readonly<Record<string, unknown>>)[field];
}

function textIn(
  config: Readonly<Record<string, unknown>>,
  section: string,
  field: string,
): string | undefined {
  const value = valueIn(config, section, field);
  return typeof value === 'string' ? value : undefined;
}
