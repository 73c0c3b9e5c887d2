import * as vscode from 'vscode';
import { EngineError } from '../../protocol/errors.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import type { Target } from './target.ts';

/** Shows the folder of a model where the system or the editor shows files. */
export async function revealModel(app: App, targets: readonly Target[]): Promise<undefined> {
  const folder = await needModel(app, targets, vscode.l10n.t('Reveal which model?'));
  const command = vscode.env.remoteName === undefined ? 'revealFileInOS' : 'revealInExplorer';
  await vscode.commands.executeCommand(command, vscode.Uri.file(folder));
}

/** Copies the path of a model's folder. */
export async function copyModelPath(app: App, targets: readonly Target[]): Promise<string> {
  const folder = await needModel(app, targets, vscode.l10n.t('Copy the path of which model?'));
  await vscode.env.clipboard.writeText(folder);
  return vscode.l10n.t('Path copied.');
}

/** Looks for models again. */
export function refreshModels(app: App): Promise<undefined> {
  app.models.refresh();
  return Promise.resolve(undefined);
}

async function needModel(app: App, targets: readonly Target[], title: string): Promise<string> {
  const [target] = targets;
  if (target?.file !== undefined) return target.file;
  const models = await app.models.list();
  if (models.length === 0) {
    throw new EngineError('checkpoint', {
      what: vscode.l10n.t('This machine'),
      expected: vscode.l10n.t('a model folder in the workspace or in the Hugging Face cache'),
      found: vscode.l10n.t('none'),
      action: vscode.l10n.t('Download one, or name its folder in the setting Model Folders.'),
    });
  }
  return pickOne(
    models.map(({ name, folder }) => ({ label: name, description: folder, value: folder })),
    { title },
  );
}
