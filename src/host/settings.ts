import * as vscode from 'vscode';
import type { ResolvedConfig } from '../protocol/runConfig.ts';
import type { PanelContent } from '../protocol/panelApi.ts';

/** Prefix of every setting, command and context key. */
export const PREFIX = 'subnetStudio';

/** All settings with their types; the defaults are those of package.json. */
export interface Settings {
  readonly device: ResolvedConfig['device'];
  readonly nodePath: string;
  readonly modelFolders: readonly string[];
  readonly cacheFolders: readonly string[];
  readonly palette: PanelContent<unknown>['palette'];
  readonly codeLens: boolean;
  readonly inlayHints: boolean;
  readonly notifications: 'finished' | 'failures' | 'never';
}

const defaults: Settings = {
  device: 'auto',
  nodePath: '',
  modelFolders: [],
  cacheFolders: [],
  palette: 'cividis',
  codeLens: true,
  inlayHints: true,
  notifications: 'finished',
};

/** Reads one setting. @param scope  a file whose folder or language may have its own value */
export function setting<K extends keyof Settings>(
  name: K,
  scope?: vscode.ConfigurationScope,
): Settings[K] {
  return vscode.workspace.getConfiguration(PREFIX, scope).get<Settings[K]>(name, defaults[name]);
}

/** Writes a setting for this user on this machine. */
export async function writeSetting<K extends keyof Settings>(
  name: K,
  value: Settings[K],
): Promise<void> {
  const target = vscode.ConfigurationTarget.Global;
  await vscode.workspace.getConfiguration(PREFIX).update(name, value, target);
}

/** Calls back when that setting changes. */
export function onSetting(name: keyof Settings, listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((change) => {
    if (change.affectsConfiguration(`${PREFIX}.${name}`)) listener();
  });
}

/** Sets what the `when` clauses of package.json ask for. */
export function setContext(name: string, value: boolean): void {
  void vscode.commands.executeCommand('setContext', `${PREFIX}.${name}`, value);
}
