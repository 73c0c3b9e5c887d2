import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { readConfigFile } from '../../engine/runs/configFile.ts';
import { copyFolder } from '../../files/copyFolder.ts';
import { insideFolder, makeFolder, makeFolderInside } from '../../files/insideFolder.ts';
import { replaceFile } from '../../files/writeFile.ts';
import { requireDisk, requireTrust, requireWritable } from '../trust.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import { run } from './runCommands.ts';

/** Folder of the example, in the workspace or in the extension's own storage. */
const FOLDER = 'subnet-studio-example';
const CONFIG = 'tiny-llama.subnet.jsonc';
/** Largest file of the example, bytes: its weights have 4 MB. */
const MOST_BYTES = 64_000_000;

/** Copies the bundled model, its texts and config to where they may be changed, and runs them. */
export async function runExample(app: App): Promise<string | undefined> {
  requireTrust();
  const parent = await exampleParent(app);
  const folder = join(parent, FOLDER);
  const config = join(folder, CONFIG);
  if (!existsSync(config)) await copyExample(app, parent, folder);
  await app.store.addHome(folder);
  const uri = vscode.Uri.file(config);
  await vscode.window.showTextDocument(uri, { preview: false });
  return run(app, [{ config: uri }]);
}

/** The open folder, the one chosen of several, or the extension's storage where none is open. */
async function exampleParent(app: App): Promise<string> {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(
    ({ uri }) => uri.scheme === 'file',
  );
  const [first] = folders;
  if (first === undefined) {
    const { fsPath } = app.context.globalStorageUri;
    makeFolder(fsPath);
    return fsPath;
  }
  if (folders.length === 1) return requireDisk(first.uri);
  const choices = folders.map((one) => ({ label: one.name, value: one.uri }));
  const title = vscode.l10n.t('Put the example into which folder?');
  return requireDisk(await pickOne(choices, { title }));
}

/** The config is written last: while it is missing, the copy is not whole. */
async function copyExample(app: App, parent: string, folder: string): Promise<void> {
  await requireWritable(parent);
  const source = join(app.context.extensionPath, 'examples');
  makeFolderInside(parent, FOLDER);
  for (const part of ['tiny-llama', 'text']) {
    const rules = { links: 'followed', mostBytes: MOST_BYTES } as const;
    await copyFolder(join(source, part), folder, part, rules);
  }
  const text = readConfigFile(join(source, CONFIG));
  // The editor knows the schema by the file's name; the path in the text leads elsewhere here.
  const free = text.replace(/^ *"\$schema":.*\n\n?/m, '');
  replaceFile(insideFolder(folder, CONFIG), free);
}
