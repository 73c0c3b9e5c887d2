import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { requireDisk, requireTrust, requireWritable } from '../trust.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import { run } from './runCommands.ts';

/** Folder of the example, in the workspace or in the extension's own storage. */
const FOLDER = 'subnet-studio-example';
const CONFIG = 'tiny-llama.subnet.jsonc';

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
    await mkdir(fsPath, { recursive: true });
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
  await mkdir(folder, { recursive: true });
  for (const part of ['tiny-llama', 'text']) {
    await cp(join(source, part), join(folder, part), { recursive: true });
  }
  const text = await readFile(join(source, CONFIG), 'utf8');
  // The editor knows the schema by the file's name; the path in the text leads elsewhere here.
  const free = text.replace(/^ *"\$schema":.*\n\n?/m, '');
  await writeFile(join(folder, CONFIG), free);
}
