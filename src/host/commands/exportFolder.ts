import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { cancelled } from '../../protocol/errors.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import { requireDisk } from '../trust.ts';
import { confirm, pickOne } from './ask.ts';

/** Folder of a workspace that exports are offered to be written to. */
const EXPORTS = 'exports';
/** What an export consists of; a folder with one of them holds an export already. */
const PARTS = ['subnet.json', 'checkpoint', 'onnx', 'compressed'];

type Place = 'workspace' | 'other' | 'run';

/**
 * Asks where an export is to be written, and before one that is there is replaced.
 * @param name  of the new folder, e.g. that of the run
 * @returns absolute path; undefined for the folder of the run
 * @throws EngineError `cancelled`
 */
export async function askExportFolder(run: RunEntry, name: string): Promise<string | undefined> {
  const { t } = vscode.l10n;
  const base = baseOf(run);
  const usual = join(base, EXPORTS, name.replaceAll(/[^\w.-]+/g, '-'));
  const place = await pickOne<Place>(
    [
      {
        icon: 'folder',
        label: vscode.workspace.asRelativePath(usual),
        description: t('in the workspace, beside your code'),
        value: 'workspace',
      },
      { icon: 'folder-opened', label: t('Another folder…'), value: 'other' },
      {
        icon: 'archive',
        label: t('The folder of the run'),
        description: t('hidden, not for source control'),
        value: 'run',
      },
    ],
    { title: t('Export to') },
  );
  if (place === 'run') return undefined;
  const folder = place === 'workspace' ? usual : await browse(base);
  await askToReplace(folder);
  return folder;
}

/** The workspace folder of a run, else the folder of its config. */
function baseOf({ folder, manifest }: RunEntry): string {
  const home = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder))?.uri;
  return home?.scheme === 'file' ? home.fsPath : dirname(manifest.configPath);
}

async function browse(base: string): Promise<string> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      defaultUri: vscode.Uri.file(base),
      openLabel: vscode.l10n.t('Export Here'),
    })) ?? [];
  if (uri === undefined) throw cancelled();
  return requireDisk(uri);
}

/** @throws EngineError `cancelled` when what is there is to stay */
async function askToReplace(folder: string): Promise<void> {
  const there = PARTS.filter((part) => existsSync(join(folder, part)));
  if (there.length === 0) return;
  const { t } = vscode.l10n;
  await confirm(
    t('Replace the export in {0}?', vscode.workspace.asRelativePath(folder)),
    t('These are replaced: {0}', there.join(', ')),
    t('Replace'),
  );
}
