import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { ServiceClient } from '../../service/serviceClient.ts';
import type { ServiceOptions } from '../../service/startService.ts';
import { editorRemedy, HostError } from '../hostError.ts';
import { setting, writeSetting } from '../settings.ts';
import type { ServiceDoor } from './serviceHandle.ts';

/** Folder of the engine service: its record, queue and log. One for all windows of a user. */
export function serviceFolderOf(context: vscode.ExtensionContext): string {
  return join(context.globalStorageUri.fsPath, 'service');
}

/**
 * True when this installation can run anything: the universal package brings no ONNX Runtime. In a
 * checkout it lies where npm puts it.
 */
export function hasEngine({ extensionPath }: vscode.ExtensionContext): boolean {
  const places = [join(extensionPath, 'dist'), extensionPath];
  return (
    existsSync(serviceEntryOf(extensionPath)) &&
    places.some((place) => existsSync(join(place, 'node_modules', 'onnxruntime-node')))
  );
}

/** The real ways to the service. */
export function serviceDoor(context: vscode.ExtensionContext): ServiceDoor {
  const stateDir = serviceFolderOf(context);
  return {
    attach: () =>
      existsSync(stateDir) ? ServiceClient.attach({ stateDir }) : Promise.resolve(undefined),
    // Within a promise, so that a wrong setting is told like any other failure.
    start: async () => ServiceClient.start(optionsFor(context, stateDir)),
  };
}

/** @throws HostError `run` when the engine or the Node of the settings is not there */
function optionsFor(context: vscode.ExtensionContext, stateDir: string): ServiceOptions {
  const serviceEntry = serviceEntryOf(context.extensionPath);
  if (!hasEngine(context)) {
    throw new HostError(
      'run',
      {
        what: vscode.l10n.t('This installation'),
        expected: vscode.l10n.t('the engine of Subnet Studio'),
        found: vscode.l10n.t('none'),
        sentence: vscode.l10n.t('This installation of Subnet Studio has no engine.'),
        action: vscode.l10n.t('Install the package of the extension for your platform.'),
      },
      [
        editorRemedy(
          vscode.l10n.t('Show Extension'),
          'workbench.extensions.search',
          `@installed ${context.extension.id}`,
        ),
      ],
    );
  }
  const nodePath = setting('nodePath').trim();
  if (nodePath === '') return { stateDir, serviceEntry };
  if (!existsSync(nodePath)) {
    throw new HostError(
      'run',
      {
        what: 'subnetStudio.nodePath',
        expected: vscode.l10n.t('the path of a Node.js program'),
        found: nodePath,
        sentence: vscode.l10n.t(
          'The setting subnetStudio.nodePath names {0}, which does not exist.',
          nodePath,
        ),
        action: vscode.l10n.t('Correct the setting, or clear it to use the Node.js of VS Code.'),
      },
      [
        {
          label: vscode.l10n.t('Use the Node.js of VS Code'),
          run: () => writeSetting('nodePath', ''),
        },
      ],
    );
  }
  return { stateDir, serviceEntry, execPath: nodePath };
}

/** The program of the service within the extension. */
function serviceEntryOf(extensionPath: string): string {
  return join(extensionPath, 'dist', 'service.cjs');
}
