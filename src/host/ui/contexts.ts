import type * as vscode from 'vscode';
import { isResumable } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { setContext } from '../settings.ts';

/** Keeps the `when` clauses of package.json true: only what applies is offered. */
export function keepContexts(store: RunStore): vscode.Disposable {
  const told = new Map<string, boolean>();
  const tell = (name: string, value: boolean): void => {
    if (told.get(name) === value) return;
    told.set(name, value);
    setContext(name, value);
  };
  return store.onDidChange(() => {
    const { rows, runs } = store;
    tell('anyRun', rows.length > 0);
    tell('manyRuns', runs.length > 1);
    tell(
      'anyActive',
      runs.some(({ state }) => state === 'running' || state === 'queued'),
    );
    tell('anyResumable', runs.some(isResumable));
    tell(
      'anySubnet',
      runs.some(({ digest }) => digest.top.length > 0),
    );
    const waiting = rows.some(
      (row) => row.kind === 'queued' || (row.kind === 'run' && row.state === 'queued'),
    );
    tell('anyQueued', waiting);
  });
}
