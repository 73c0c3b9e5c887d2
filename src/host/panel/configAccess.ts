import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ConfigView } from '../../protocol/panelApi.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import type { ConfigAccess } from './panelHost.ts';

/** The config file of a run for its dashboard. */
export function configAccess(): ConfigAccess {
  return {
    view: (run) => Promise.resolve(nothing(run)),
    edit: (run) => Promise.resolve(nothing(run)),
    watch: () => new vscode.Disposable(() => undefined),
  };
}

function nothing({ manifest }: RunEntry): ConfigView {
  return {
    ...{ editable: false, why: vscode.l10n.t('Open the file to edit it.') },
    fileName: basename(manifest.configPath),
    ...{ fields: [], problems: [], changed: false },
  };
}
