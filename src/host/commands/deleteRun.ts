import { basename } from 'node:path';
import * as vscode from 'vscode';
import { commandRemedy, HostError, showRuns } from '../hostError.ts';
import { requireTrust } from '../trust.ts';
import type { App } from './app.ts';
import { confirm } from './ask.ts';
import { needRuns } from './pickRun.ts';
import type { Target } from './target.ts';

/** Moves run folders to the trash, after asking. Runs that are at work are refused. */
export async function deleteRun(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const folders = await foldersOf(app, targets);
  const names = folders.map(({ name }) => name).join(', ');
  const places = folders.map(({ folder }) => basename(folder)).join(', ');
  const one = folders.length === 1;
  await confirm(
    one ? vscode.l10n.t('Delete "{0}"?', names) : vscode.l10n.t('Delete {0} runs?', folders.length),
    vscode.l10n.t('The run folder, with its masks and exports, is moved to the trash: {0}', places),
    one ? vscode.l10n.t('Delete Run') : vscode.l10n.t('Delete Runs'),
  );
  for (const { folder } of folders) await moveToTrash(folder);
  await app.store.refresh();
  return vscode.l10n.t('Deleted.');
}

interface Doomed {
  readonly folder: string;
  readonly name: string;
}

async function foldersOf(app: App, targets: readonly Target[]): Promise<readonly Doomed[]> {
  const broken = app.store.rows.flatMap((row) =>
    row.kind === 'broken' && targets.some(({ run }) => run === row.folder) ? [row] : [],
  );
  const readable = targets.filter(({ run }) => !broken.some(({ folder }) => folder === run));
  const gone = broken.map(({ folder }) => ({ folder, name: basename(folder) }));
  if (targets.length > 0 && readable.length === 0) return gone;
  const need = {
    title: vscode.l10n.t('Delete which runs?'),
    expected: vscode.l10n.t('run'),
    action: vscode.l10n.t('There is nothing to delete.'),
  };
  const runs = await needRuns(app, readable, need, 1);
  for (const { state, busyWith, folder, manifest } of runs) {
    const isActive = state === 'running' || state === 'queued' || busyWith !== null;
    if (isActive) throw busy(folder, manifest.name);
  }
  return [...gone, ...runs.map(({ folder, manifest }) => ({ folder, name: manifest.name }))];
}

/** Not every place has a trash: there the user is asked again, in plain words. @throws EngineError `cancelled` */
export async function moveToTrash(folder: string): Promise<void> {
  const uri = vscode.Uri.file(folder);
  try {
    await vscode.workspace.fs.delete(uri, { recursive: true, useTrash: true });
  } catch {
    const detail = vscode.l10n.t('This place has no trash. What is deleted here is gone for good.');
    await confirm(
      vscode.l10n.t('Delete "{0}" permanently?', basename(folder)),
      detail,
      vscode.l10n.t('Delete Permanently'),
    );
    await vscode.workspace.fs.delete(uri, { recursive: true, useTrash: false });
  }
}

function busy(folder: string, name: string): HostError {
  return new HostError(
    'run',
    {
      what: name,
      expected: vscode.l10n.t('a run that is neither running nor queued'),
      found: vscode.l10n.t('one that is running or queued'),
      sentence: vscode.l10n.t('"{0}" is running or queued, so it cannot be deleted.', name),
      action: vscode.l10n.t('Pause it or take it out of the queue, then delete it.'),
    },
    [commandRemedy(vscode.l10n.t('Pause'), 'pause', { run: folder }), showRuns()],
  );
}
