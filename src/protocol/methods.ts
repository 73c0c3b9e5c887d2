/** Ways to find a subnet. */
export const methodNames = ['levels', 'paper'] as const;

/** A way to find a subnet. */
export type Method = (typeof methodNames)[number];

/** What a config that names no method uses. */
export const DEFAULT_METHOD: Method = 'paper';

/** Fields of the run config, or whole sections, that only this method reads. */
export const ownFields: Readonly<Record<Method, readonly string[]>> = {
  levels: ['levels'],
  paper: [
    'importance',
    'attention',
    ...['preset', 'top', 'mutations', 'crossovers', 'mutation'].map((name) => `search.${name}`),
    ...['alpha', 'patience', 'blockOrder', 'ranges'].map((name) => `search.${name}`),
  ],
};

/** The method that a field has no effect without; undefined for fields of every method. */
export function methodOf(field: string): Method | undefined {
  return methodNames.find((method) =>
    ownFields[method].some((own) => field === own || field.startsWith(`${own}.`)),
  );
}
