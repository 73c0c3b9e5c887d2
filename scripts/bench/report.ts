import type { Measurement } from './measurement.ts';

/** Measures group after group and prints each line as soon as it is known. @returns all lines */
export async function reportGroups(
  groups: readonly (() => Promise<readonly Measurement[]>)[],
): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const group of groups) {
    for (const result of await group()) {
      results.push(result);
      const mark = result.bar === null ? ' ' : result.ok ? '✓' : '✗';
      const bar = result.bar === null ? '' : `(${result.bar})`;
      console.error(
        `${mark} ${result.name.padEnd(66)} ${String(result.value).padStart(8)} ${result.unit} ${bar}`,
      );
    }
  }
  return results;
}
