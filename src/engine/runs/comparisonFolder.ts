import { join } from 'node:path';
import * as Type from 'typebox';
import {
  COMPARISON_FILE,
  COMPARISON_SCHEMA_VERSION,
  comparisonTableSchema,
  type ComparisonTable,
} from '../../protocol/comparisonTable.ts';
import { decodeValue } from '../../protocol/decode.ts';
import { EngineError } from '../../protocol/errors.ts';
import { readRunJson } from './runLayout.ts';

/** Where comparisons of the configs of a folder live: `.subnet/compare`, a folder for each. */
export function comparisonsRootOf(configDir: string): string {
  return join(configDir, '.subnet', 'compare');
}

/**
 * Reads the table of a comparison, as it was written last.
 * @param folder  a folder in {@link comparisonsRootOf}
 * @returns undefined while there is none
 * @throws EngineError `run` for a table of a newer version, `decode` for a damaged one, `disk`
 */
export function readComparisonFile(folder: string): ComparisonTable | undefined {
  const value = readRunJson(folder, COMPARISON_FILE, MOST_BYTES);
  if (value === undefined) return undefined;
  const what = join(folder, COMPARISON_FILE);
  const { schemaVersion } = decodeValue(versionSchema, value, what);
  if (schemaVersion > COMPARISON_SCHEMA_VERSION) {
    throw new EngineError('run', {
      what,
      expected: `a comparison of format ${COMPARISON_SCHEMA_VERSION} or older`,
      found: `format ${schemaVersion}, written by a newer version`,
      action: 'Update Subnet Studio to go on with it.',
    });
  }
  return decodeValue(comparisonTableSchema, value, what);
}

/** Largest table that is read, bytes: a row takes 250, and the config's lists are bounded. */
const MOST_BYTES = 4 * 1024 * 1024;

const versionSchema = Type.Object({ schemaVersion: Type.Integer({ minimum: 1 }) });
