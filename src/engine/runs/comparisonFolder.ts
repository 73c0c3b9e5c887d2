import { join } from 'node:path';
import {
  COMPARISON_FILE,
  COMPARISON_SCHEMA_VERSION,
  comparisonTableSchema,
  type ComparisonTable,
} from '../../protocol/comparisonTable.ts';
import { ofKnownFormat, readRunJson } from './runLayout.ts';

/** Where comparisons of the configs of a folder live: `.subnet/compare`, a folder for each. */
export function comparisonsRootOf(configDir: string): string {
  return join(configDir, COMPARISONS_ROOT);
}

/** Path of that folder from the folder of the configs. */
export const COMPARISONS_ROOT = join('.subnet', 'compare');

/**
 * Reads the table of a comparison, as it was written last.
 * @param folder  a folder in {@link comparisonsRootOf}
 * @returns undefined while there is none
 * @throws EngineError `run` for a table of a newer version, `decode` for a damaged one, `disk`
 */
export function readComparisonFile(folder: string): ComparisonTable | undefined {
  const value = readRunJson(folder, COMPARISON_FILE, MOST_BYTES);
  if (value === undefined) return undefined;
  const newest = { noun: 'comparison', format: COMPARISON_SCHEMA_VERSION };
  return ofKnownFormat(value, join(folder, COMPARISON_FILE), comparisonTableSchema, newest);
}

/** Largest table that is read, bytes: a row takes 250, and the config's lists are bounded. */
const MOST_BYTES = 4 * 1024 * 1024;
