import { access, constants } from 'node:fs/promises';
import * as vscode from 'vscode';
import { EngineError } from '../protocol/errors.ts';

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
    ? t('This workspace is not trusted. Trust it to run, export or delete.')
    : hasEngine
      ? ''
      : t('This installation has no engine. Install the package for your platform to run.');
  return { canRun: whyNot === '', whyNot };
}

/** An act that needs trust was asked for in a workspace that has none. */
export class TrustError extends EngineError {
  constructor() {
    super('run', {
      what: vscode.l10n.t('This workspace'),
      expected: vscode.l10n.t('to be trusted before anything is run or written in it'),
      found: vscode.l10n.t('Restricted Mode'),
      action: vscode.l10n.t('Trust the workspace, then try again.'),
    });
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
  throw new EngineError('disk', {
    what: uri.toString(true),
    expected: vscode.l10n.t('a file on a disk'),
    found: vscode.l10n.t('a file of the kind "{0}"', uri.scheme),
    action:
      uri.scheme === 'untitled'
        ? vscode.l10n.t('Save the file first.')
        : vscode.l10n.t('Clone the folder to a disk and open it there.'),
  });
}

/** @throws EngineError `disk` when nothing may be written into a folder */
export async function requireWritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new EngineError(
      'disk',
      {
        what: folder,
        expected: vscode.l10n.t('a folder that a run may be written into'),
        found: vscode.l10n.t('one that is read-only or gone'),
        action: vscode.l10n.t('Save the config in a folder you may write to, and run it there.'),
      },
      { cause: error },
    );
  }
}
