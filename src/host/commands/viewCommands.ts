import * as vscode from 'vscode';
import { groupings, type Grouping } from '../trees/runTree.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';

/** Asks for words, and shows only runs that have all of them; follows the typing. */
export function filterRuns(app: App): Promise<undefined> {
  const before = app.tree.filteredBy;
  const box = vscode.window.createInputBox();
  box.title = vscode.l10n.t('Filter Runs');
  box.placeholder = vscode.l10n.t('Words of a name, model, state or folder');
  box.value = before;
  let kept = false;
  box.onDidChangeValue((text) => app.tree.setFilter(text));
  box.onDidAccept(() => {
    kept = true;
    box.hide();
  });
  box.onDidHide(() => {
    if (!kept) app.tree.setFilter(before);
    box.dispose();
  });
  box.show();
  return Promise.resolve(undefined);
}

/** Shows all runs again. */
export function clearFilter(app: App): Promise<undefined> {
  app.tree.setFilter('');
  return Promise.resolve(undefined);
}

/** Asks what runs are grouped by. */
export async function groupRuns(app: App): Promise<undefined> {
  const now = app.tree.groupedBy;
  const choices = groupings.map((value) => ({
    label: groupingText(value),
    description: value === now ? vscode.l10n.t('now') : '',
    value,
  }));
  app.tree.setGrouping(await pickOne(choices, { title: vscode.l10n.t('Group runs by') }));
}

/** Looks for runs again. */
export async function refreshRuns(app: App): Promise<undefined> {
  await app.store.start();
  await app.store.refresh();
}

function groupingText(grouping: Grouping): string {
  switch (grouping) {
    case 'none':
      return vscode.l10n.t('Nothing');
    case 'state':
      return vscode.l10n.t('State');
    case 'model':
      return vscode.l10n.t('Model');
    case 'folder':
      return vscode.l10n.t('Folder');
  }
}
