import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { Figures, StageName } from '../../protocol/runRecord.ts';
import { listRuns, readRunEvents } from '../runs/listRuns.ts';
import { readManifest } from '../runs/runLayout.ts';

/** What a finished run of the same settings found. */
export interface EarlierRun {
  readonly figures: Figures;
  /** Time of its stages, milliseconds. */
  readonly stageMs: Readonly<Partial<Record<StageName, number>>>;
}

/** Fields that do not change the figures of a run's search and refit. */
const NAMES = new Set(['name', 'compare', 'sparsify', 'export', 'threads', 'device']);

/**
 * The newest finished run with the same settings, text and model; null when there is none.
 * @param root  folder of runs
 * @param hashes  of what the figures depend on, see `hashesOf`
 */
export function earlierRun(
  root: string,
  config: ResolvedConfig,
  hashes: Readonly<Record<string, string>>,
): EarlierRun | null {
  for (const run of listRuns(root)) {
    if (run.kind !== 'run' || run.state !== 'finished' || run.figures === null) continue;
    const manifest = readManifest(run.folder);
    if (textOf(manifest.hashes) !== textOf(hashes)) continue;
    if (textOf(manifest.config) !== textOf({ ...config })) continue;
    return { figures: run.figures, stageMs: stageTimes(run.folder) };
  }
  return null;
}

/** All that matters of a record, in one order: the manifest's went through JSON as this does. */
function textOf(record: Readonly<Record<string, unknown>>): string {
  const kept = Object.entries(record).filter(([name]) => !NAMES.has(name));
  return JSON.stringify(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function stageTimes(folder: string): Partial<Record<StageName, number>> {
  const times: Partial<Record<StageName, number>> = {};
  for (const event of readRunEvents(folder).events) {
    if (event.kind !== 'stageFinished') continue;
    times[event.stage] = (times[event.stage] ?? 0) + event.ms;
  }
  return times;
}
