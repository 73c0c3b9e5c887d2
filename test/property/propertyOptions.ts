/** Chosen once; any whole number would do. */
const USUAL_SEED = 20240917;

/**
 * Options of a fast-check property. The seed is fixed, so that a suite that passed passes again.
 * Set the environment variable PROPERTY_SEED to a whole number to explore other cases, for example
 * `PROPERTY_SEED=$RANDOM node test/run.mjs property`; a counterexample belongs in a plain test.
 */
export function propertyOptions<T extends object>(more?: T): T & { readonly seed: number } {
  return { ...(more ?? ({} as T)), seed: wholeNumber('PROPERTY_SEED') ?? USUAL_SEED };
}

/**
 * How often hostile files are made up: some hundred times in every suite, ten thousand times in
 * `npm run acceptance`. Set the environment variable PROPERTY_RUNS to a whole number for another
 * number, which counts where it is larger than the usual one.
 */
export function mutationsOf(usual: number): number {
  const chosen = wholeNumber('PROPERTY_RUNS');
  if (chosen !== undefined) return Math.max(usual, chosen);
  return process.env['ACCEPTANCE'] === 'all' ? 10_000 : usual;
}

function wholeNumber(name: 'PROPERTY_SEED' | 'PROPERTY_RUNS'): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  if (!Number.isInteger(number)) throw new Error(`${name} is "${text}", no whole number.`);
  return number;
}
