import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeRecordedRun, type RecordedRun } from '../fixtures/recordedRun.ts';
import { RECORDED } from '../fixtures/recordedRuns.ts';
import type { PanelRuns } from './panelServer.ts';

/** Recorded runs for panels, each made when it is first asked for. */
export interface RecordedPanels extends PanelRuns {
  /** The run itself, which can be let go on when it has not ended. */
  recorded(name: string): RecordedRun;
  /** Removes all of them. */
  close(): void;
}

/** Makes recorded runs in a folder of their own. */
export function recordedPanels(): RecordedPanels {
  const folder = mkdtempSync(join(tmpdir(), 'subnet-recorded-'));
  const made = new Map<string, RecordedRun>();
  const recorded = (name: string): RecordedRun => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const spec = RECORDED.get(name);
    if (spec === undefined) {
      throw new Error(
        `no recorded run is called ${name}; there are ${[...RECORDED.keys()].join(', ')}`,
      );
    }
    const run = makeRecordedRun(join(folder, name), spec);
    made.set(name, run);
    return run;
  };
  return {
    list: [...RECORDED].map(([name, { model, state, search }]) => ({
      name,
      words:
        `${state}, ${model.layers} × ${model.intermediate}, ` +
        `${search.population + search.generations * search.children} candidates`,
    })),
    find: (name) => {
      const { id, folder: path } = recorded(name);
      return { id, folder: path };
    },
    recorded,
    close: () => {
      for (const run of made.values()) run.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
