import type * as vscode from 'vscode';
import { isResumable } from '../runs/runEntry.ts';
import type { ComparisonStore } from '../comparisons/comparisonStore.ts';
import type { RunRoots } from '../runs/runRoots.ts';
import type { RunStore } from '../runs/runStore.ts';
import { setContext } from '../settings.ts';

/** Keeps the `when` clauses of package.json true: only what applies is offered. */
export function keepContexts(
  store: RunStore,
  comparisons: ComparisonStore,
  roots: RunRoots,
): vscode.Disposable {
  const told = new Map<string, boolean>();
  const tell = (name: string, value: boolean): void => {
    if (told.get(name) === value) return;
    told.set(name, value);
    setContext(name, value);
  };
  const update = (): void => {
    const { rows, runs } = store;
    const compared = comparisons.entries;
    const isActive = ({ state }: { readonly state: string }): boolean =>
      state === 'running' || state === 'queued';
    tell('anyComparison', compared.length > 0);
    tell('anyConfig', roots.configs.length > 0);
    tell('anyRun', rows.length > 0);
    tell('manyRuns', runs.length > 1);
    tell('anyActive', [...runs, ...compared].some(isActive));
    tell('anyResumable', runs.some(isResumable));
    tell(
      'anySubnet',
      runs.some(({ digest }) => digest.top.length > 0),
    );
    const waiting = rows.some(
      (row) => row.kind === 'queued' || (row.kind === 'run' && row.state === 'queued'),
    );
    tell('anyQueued', waiting || compared.some(({ state }) => state === 'queued'));
  };
  const subscriptions = [
    store.onDidChange(update),
    comparisons.onDidChange(update),
    roots.onDidSearch(update),
  ];
  return {
    dispose: () => {
      for (const one of subscriptions) one.dispose();
    },
  };
}
