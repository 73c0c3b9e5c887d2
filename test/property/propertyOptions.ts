/** Chosen once; any whole number would do. */
const USUAL_SEED = 20240917;

/**
 * Options of a fast-check property. The seed is fixed, so that a suite that passed passes again.
 * Set the environment variable PROPERTY_SEED to a whole number to explore other cases, for example
 * `PROPERTY_SEED=$RANDOM node test/run.mjs property`; a counterexample belongs in a plain test.
 */
export function propertyOptions<T extends object>(more?: T): T & { readonly seed: number } {
  return { ...(more ?? ({} as T)), seed: seedFrom(process.env['PROPERTY_SEED']) };
}

/**
 * How often hostile files are made up: some hundred times in every suite, ten thousand times in
 * `npm run acceptance`.
 */
export function mutationsOf(usual: number): number {
  return process.env['ACCEPTANCE'] === 'all' ? 10_000 : usual;
}

function seedFrom(text: string | undefined): number {
  if (text === undefined || text === '') return USUAL_SEED;
  const seed = Number(text);
  if (!Number.isInteger(seed)) throw new Error(`PROPERTY_SEED is "${text}", no whole number.`);
  return seed;
}
