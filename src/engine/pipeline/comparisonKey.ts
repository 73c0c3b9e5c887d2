import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { engineVersion } from './versions.ts';

/**
 * Revisions of what makes figures, by family of rows: `judging` for all of them.
 *
 * Rows of a comparison are kept on disk and taken for what the code would find today. So whoever
 * changes a method in a way that may change a figure adds one here, and the rows of that family are
 * made again. `test/pipeline/comparisonRevision.test.ts` notices a figure that changed without it.
 */
export const METHODS_REVISION = {
  judging: 2,
  sparsity: 2,
  structured: 2,
  paper: 1,
  ours: 1,
} as const;
/** A family of rows that are made by the same code. */
export type RowFamily = Exclude<keyof typeof METHODS_REVISION, 'judging'>;

/**
 * Names the folder of a comparison: the config file and all that its figures depend on. A changed
 * setting, text or model is another comparison; a changed list of methods is the same one.
 * @param configPath  of the config; another file beside it has a table of its own
 * @param hashes  of the bytes that figures depend on, see `hashesOf`
 * @returns 16 hex digits
 */
export function comparisonKey(
  configPath: string,
  config: ResolvedConfig,
  hashes: Readonly<Record<string, string>>,
): string {
  const settings = Object.entries(config).filter(
    ([field]) => MATTERS[field as keyof typeof config],
  );
  const text = JSON.stringify([
    ...[basename(configPath), settings, hashes],
    ...[engineVersion, METHODS_REVISION.judging],
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Whether figures of a comparison depend on a field: a new field of the config is decided here. */
const MATTERS: Readonly<Record<keyof ResolvedConfig, boolean>> = {
  // Their contents are hashed.
  model: false,
  text: false,
  heldout: false,
  seed: true,
  device: true,
  levels: true,
  calibration: true,
  importance: true,
  attention: true,
  search: true,
  reform: true,
  evaluation: true,
  // A row has a method, a ratio or a pattern of its own, and the rest leaves figures alone.
  method: false,
  name: false,
  ratio: false,
  threads: false,
  sparsify: false,
  export: false,
  compare: false,
};
