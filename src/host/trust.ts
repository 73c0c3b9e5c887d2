import { access, constants } from 'node:fs/promises';
import * as vscode from 'vscode';
import { editorRemedy, HostError } from './hostError.ts';

/** What a dashboard is told about starting things here. */
export interface CanRun {
  readonly canRun: boolean;
  /** Empty when it can. */
  readonly whyNot: string;
}

/** Whether anything may be run in this window. @param hasEngine  it is part of the installation */
export function canRun(hasEngine: boolean): CanRun {
  const { t } = vscode.l10n;
  const whyNot = !vscode.workspace.isTrusted
    ? t('Restricted Mode: you can view runs, but not start, export or delete them.')
    : hasEngine
      ? ''
      : t('This installation has no engine. Install the package for your platform to start runs.');
  return { canRun: whyNot === '', whyNot };
}

/** Something that needs trust was asked for in a workspace that has none. */
export class TrustError extends HostError {
  constructor() {
    super(
      'run',
      {
        what: vscode.l10n.t('This workspace'),
        expected: vscode.l10n.t('to be trusted before anything is run or written in it'),
        found: vscode.l10n.t('Restricted Mode'),
        sentence: vscode.l10n.t(
          'Restricted Mode: you can view runs, but not start, export or delete them.',
        ),
        action: vscode.l10n.t('Trust the workspace, then try again.'),
      },
      [editorRemedy(vscode.l10n.t('Manage Trust'), 'workbench.trust.manage')],
    );
  }
}

/** @throws TrustError in a workspace that is not trusted; the menus hide it, this makes it so */
export function requireTrust(): void {
  if (!vscode.workspace.isTrusted) throw new TrustError();
}

/**
 * The path of something on a disk of the machine the extension runs on.
 * @throws EngineError `disk` for a virtual workspace
 */
export function requireDisk(uri: vscode.Uri): string {
  if (uri.scheme === 'file') return uri.fsPath;
  const isDraft = uri.scheme === 'untitled';
  throw new HostError(
    'disk',
    {
      what: uri.toString(true),
      expected: vscode.l10n.t('a file on a disk'),
      found: vscode.l10n.t('a file of the kind "{0}"', uri.scheme),
      sentence: isDraft
        ? vscode.l10n.t('The file is not saved yet.')
        : vscode.l10n.t('{0} is not on a disk of this machine.', uri.toString(true)),
      action: isDraft
        ? vscode.l10n.t('Save the file first.')
        : vscode.l10n.t('Clone the folder to a disk and open it there.'),
    },
    [
      isDraft
        ? editorRemedy(vscode.l10n.t('Save'), 'workbench.action.files.save')
        : editorRemedy(vscode.l10n.t('Open Folder'), 'vscode.openFolder'),
    ],
  );
}

/** @throws EngineError `disk` when nothing may be written into a folder */
export async function requireWritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new HostError(
      'disk',
      {
        what: folder,
        expected: vscode.l10n.t('a folder that can be written to'),
        found: vscode.l10n.t('one that is read-only or gone'),
        sentence: vscode.l10n.t('The folder {0} is read-only or gone.', folder),
        action: vscode.l10n.t('Save the config in a folder you can write to, and run it there.'),
      },
      [editorRemedy(vscode.l10n.t('Open Folder'), 'vscode.openFolder')],
      { cause: error },
    );
  }
}
