import * as vscode from 'vscode';
import { editConfigField, viewConfig, watchConfig } from '../language/configDocument.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import type { ConfigAccess } from './panelHost.ts';

/** The config file of a run for its dashboard: the file it was started from, as it is now. */
export const configAccess: ConfigAccess = {
  view: (run) => viewConfig(fileOf(run), run.manifest.configText),
  edit: (run, edit) => editConfigField(fileOf(run), edit, run.manifest.configText),
  watch: (run, listener) => watchConfig(fileOf(run), listener),
};

function fileOf({ manifest }: RunEntry): vscode.Uri {
  return vscode.Uri.file(manifest.configPath);
}
