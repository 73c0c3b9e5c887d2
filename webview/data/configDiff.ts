/** One field of configs that are compared. */
export interface ConfigLine {
  /** E.g. `search.population`. */
  readonly field: string;
  /** One for each run; null where a config does not have it. */
  readonly values: readonly (string | null)[];
  readonly differs: boolean;
}

/** Every field of these configs, in the order they name them. */
export function compareConfigs(
  configs: readonly Readonly<Record<string, unknown>>[],
): readonly ConfigLine[] {
  const flat = configs.map((config) => new Map(fieldsOf(config, '')));
  const names = new Set(flat.flatMap((fields) => [...fields.keys()]));
  return [...names].map((field) => {
    const values = flat.map((fields) => fields.get(field) ?? null);
    return { field, values, differs: values.some((value) => value !== values[0]) };
  });
}

function fieldsOf(value: Readonly<Record<string, unknown>>, prefix: string): [string, string][] {
  return Object.entries(value).flatMap(([name, field]): [string, string][] => {
    const path = `${prefix}${name}`;
    if (typeof field === 'object' && field !== null && !Array.isArray(field)) {
      return fieldsOf(field as Record<string, unknown>, `${path}.`);
    }
    return [[path, textOf(field)]];
  });
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? 'undefined';
}
