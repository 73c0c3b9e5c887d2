import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { onDisk } from '../../files/writeFile.ts';
import { comparisonsRootOf, readComparisonFile } from '../../engine/runs/comparisonFolder.ts';
import { isRunLocked } from '../../engine/runs/runLock.ts';
import { COMPARISON_FILE, type ComparisonTable } from '../../protocol/comparisonTable.ts';
import { EngineError } from '../../protocol/errors.ts';

/** A comparison on disk: its table, or why it cannot be read. */
export type FoundComparison =
  | { readonly folder: string; readonly table: ComparisonTable }
  | { readonly folder: string; readonly problem: string };

/** Folders that are looked into beside one config; a config has one for each setting it was given. */
const MOST_FOLDERS = 500;

/**
 * The comparisons of the configs of a folder, newest first; those that cannot be read come last.
 * @param configDir  folder of the configs; one without comparisons has none
 */
export function comparisonsIn(configDir: string): readonly FoundComparison[] {
  return foldersIn(comparisonsRootOf(resolve(configDir)))
    .flatMap((folder) => found(folder))
    .sort(newestFirst);
}

/** As {@link comparisonsIn}, of several folders; one that is named twice counts once. */
export function listComparisons(configDirs: readonly string[]): readonly FoundComparison[] {
  const folders = [...new Set(configDirs.map((folder) => resolve(folder)))];
  return folders.flatMap((folder) => comparisonsIn(folder)).sort(newestFirst);
}

/**
 * The table of one comparison. One that says `running` while no engine works on it was killed, and
 * is given as `stopped`.
 * @param folder  as in {@link FoundComparison}
 * @throws EngineError `run` when there is none or it is of a newer version, `decode` for a damaged
 *   one, `disk`
 */
export function readComparison(folder: string): ComparisonTable {
  const table = existsSync(folder) ? readComparisonFile(folder) : undefined;
  if (table === undefined) {
    throw new EngineError('run', {
      what: folder,
      expected: `the folder of a comparison, which holds ${COMPARISON_FILE}`,
      found: existsSync(folder) ? 'a folder without it' : 'no such folder',
      action: 'Run the comparison again.',
      sentence: existsSync(folder)
        ? `${folder} is not the folder of a comparison: it holds no ${COMPARISON_FILE}.`
        : `There is no folder ${folder}.`,
    });
  }
  if (table.state !== 'running' || isRunLocked(folder)) return table;
  return { ...table, state: 'stopped' };
}

function foldersIn(root: string): string[] {
  if (!existsSync(root)) return [];
  try {
    return onDisk(root, () => readdirSync(root, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => join(root, name))
      .filter((folder) => existsSync(join(folder, COMPARISON_FILE)))
      .sort()
      .slice(0, MOST_FOLDERS);
  } catch {
    // A folder that cannot be listed has nothing to show; whoever writes to it is told why.
    return [];
  }
}

/** None for a folder that went away while it was looked at. */
function found(folder: string): FoundComparison[] {
  try {
    return [{ folder, table: readComparison(folder) }];
  } catch (error) {
    if (!existsSync(join(folder, COMPARISON_FILE))) return [];
    return [{ folder, problem: error instanceof Error ? error.message : String(error) }];
  }
}

function newestFirst(a: FoundComparison, b: FoundComparison): number {
  if ('table' in a && 'table' in b) return b.table.updatedMs - a.table.updatedMs;
  if ('table' in a) return -1;
  if ('table' in b) return 1;
  return a.folder < b.folder ? -1 : 1;
}
