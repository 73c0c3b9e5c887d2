import * as vscode from 'vscode';
import { cancelled } from '../../protocol/errors.ts';
import { commandRemedy, HostError } from '../hostError.ts';
import { isInside } from '../language/configPath.ts';
import { setting, writeSetting } from '../settings.ts';
import { requireDisk } from '../trust.ts';
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

/** Asks for a folder, and looks for models in it from now on. */
export async function addModelFolder(app: App): Promise<string> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      openLabel: vscode.l10n.t('Add'),
      title: vscode.l10n.t('Folder of a model, or of several models'),
    })) ?? [];
  if (uri === undefined) throw cancelled();
  const folder = requireDisk(uri);
  const known = setting('modelFolders');
  if (!known.includes(folder)) await writeSetting('modelFolders', [...known, folder]);
  app.models.refresh();
  const found = (await app.models.list()).filter((model) => isInside(folder, model.folder));
  if (found.length === 0) throw holdsNoModel(folder);
  return vscode.l10n.t('Added. {0} found.', found.map(({ name }) => name).join(', '));
}

/** Looks for models again. */
export function refreshModels(app: App): Promise<undefined> {
  app.models.refresh();
  return Promise.resolve(undefined);
}

function holdsNoModel(folder: string): HostError {
  return new HostError(
    'checkpoint',
    {
      what: folder,
      expected: vscode.l10n.t('a model folder, or a folder of model folders'),
      found: vscode.l10n.t('neither'),
      sentence: vscode.l10n.t('{0} holds no model.', folder),
      action: vscode.l10n.t('Choose a folder with config.json and *.safetensors, or one above it.'),
    },
    [commandRemedy(vscode.l10n.t('Choose Another'), 'addModelFolder')],
  );
}

async function needModel(app: App, targets: readonly Target[], title: string): Promise<string> {
  const [target] = targets;
  if (target?.file !== undefined) return target.file;
  const models = await app.models.list();
  if (models.length === 0) {
    throw new HostError(
      'checkpoint',
      {
        what: vscode.l10n.t('This machine'),
        expected: vscode.l10n.t('a model folder in the workspace or in the Hugging Face cache'),
        found: vscode.l10n.t('none'),
        sentence: vscode.l10n.t('No model was found in the workspace or the Hugging Face cache.'),
        action: vscode.l10n.t('Download one, or add the folder of one that you have.'),
      },
      [commandRemedy(vscode.l10n.t('Add Model Folder'), 'addModelFolder')],
    );
  }
  return pickOne(
    models.map(({ name, folder }) => ({ label: name, description: folder, value: folder })),
    { title },
  );
}
