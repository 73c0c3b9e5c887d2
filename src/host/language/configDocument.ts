import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { readConfigTree } from '../../configText/configTree.ts';
import { removeField, setField } from '../../configText/edits.ts';
import { configFields } from '../../configText/fields.ts';
import { editorRemedy, HostError } from '../hostError.ts';
import type { ConfigView } from '../../protocol/panelApi.ts';
import { checkRunConfig } from '../../protocol/parseRunConfig.ts';
import { workspaceEdit } from './codeActions.ts';

/** One field to write; null takes it out of the file. */
export interface ConfigFieldEdit {
  readonly path: readonly string[];
  readonly value: string | number | boolean | null;
}

/** Time without a change after which a watcher is told, ms. */
const QUIET_MS = 150;

/**
 * A config file as it is in the editor, saved or not.
 * @param startedWith  the text the run was started with
 */
export async function viewConfig(file: vscode.Uri, startedWith: string): Promise<ConfigView> {
  const fileName = basename(file.path);
  const document = await openDocument(file);
  if (document === undefined) {
    const why = vscode.l10n.t('{0} is gone. The run keeps the text it was started with.', fileName);
    return viewOf(startedWith, { editable: false, why, fileName, startedWith });
  }
  const text = document.getText();
  const why = whyNot(file, text);
  return viewOf(text, { editable: why === '', why, fileName, startedWith });
}

/**
 * Writes one field as an edit of the document: it can be undone, it keeps comments, and it is saved
 * unless the user has unsaved changes of their own in it.
 * @throws EngineError `config` when the file may not be edited or the value is not legal
 */
export async function editConfigField(
  file: vscode.Uri,
  { path, value }: ConfigFieldEdit,
  startedWith: string,
): Promise<ConfigView> {
  const document = await openDocument(file);
  const text = document?.getText() ?? '';
  const why = document === undefined ? vscode.l10n.t('the file is gone') : whyNot(file, text);
  if (document === undefined || why !== '') throw refused(file, why);
  const name = path.join('.');
  const field = configFields(text).find((one) => one.path.join('.') === name);
  if (field === undefined) throw refused(file, vscode.l10n.t('It has no field "{0}".', name));
  const edits = value === null ? removeField(text, path) : setField(text, path, value);
  if (edits.length > 0) {
    const wasClean = !document.isDirty;
    const done = await vscode.workspace.applyEdit(workspaceEdit(document, edits));
    if (!done) throw refused(file, vscode.l10n.t('The editor refused the edit.'));
    if (wasClean) await document.save();
  }
  return viewConfig(file, startedWith);
}

/** Calls back when a config changes in the editor or on disk. */
export function watchConfig(file: vscode.Uri, listener: () => void): vscode.Disposable {
  const name = file.toString();
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(listener, QUIET_MS);
  };
  const watcher = vscode.workspace.createFileSystemWatcher(
    new vscode.RelativePattern(vscode.Uri.joinPath(file, '..'), basename(file.path)),
  );
  return vscode.Disposable.from(
    watcher,
    watcher.onDidChange(soon),
    watcher.onDidCreate(soon),
    watcher.onDidDelete(soon),
    vscode.workspace.onDidChangeTextDocument(({ document }) => {
      if (document.uri.toString() === name) soon();
    }),
    new vscode.Disposable(() => clearTimeout(timer)),
  );
}

function viewOf(
  text: string,
  about: Pick<ConfigView, 'editable' | 'why' | 'fileName'> & { readonly startedWith: string },
): ConfigView {
  const { editable, why, fileName, startedWith } = about;
  const check = checkRunConfig(text);
  return {
    ...{ editable, why, fileName },
    fields: configFields(text),
    own: configFields(startedWith),
    problems: check.ok ? [] : check.problems,
    changed: digest(text) !== digest(startedWith),
  };
}

async function openDocument(file: vscode.Uri): Promise<vscode.TextDocument | undefined> {
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === file.toString());
  if (open !== undefined) return open;
  try {
    await vscode.workspace.fs.stat(file);
    return await vscode.workspace.openTextDocument(file);
  } catch {
    return undefined;
  }
}

/** Why a config may not be edited from a dashboard; empty when it may. */
function whyNot(file: vscode.Uri, text: string): string {
  const { workspace } = vscode;
  if (!workspace.isTrusted) return vscode.l10n.t('This workspace is not trusted.');
  if (workspace.getWorkspaceFolder(file) === undefined) {
    return vscode.l10n.t('The file is outside the workspace; open its folder to edit it.');
  }
  if (workspace.fs.isWritableFileSystem(file.scheme) === false) {
    return vscode.l10n.t('The file is on a read-only file system.');
  }
  if (readConfigTree(text) === undefined) {
    return vscode.l10n.t('The file is no JSON at the moment; repair it in its editor.');
  }
  return '';
}

/** Line ends differ between what the engine read and what an editor holds; nothing else should. */
function digest(text: string): string {
  const plain = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  return createHash('sha256').update(plain).digest('hex');
}

function refused(file: vscode.Uri, found: string): HostError {
  const name = basename(file.path);
  return new HostError(
    'config',
    {
      what: name,
      expected: vscode.l10n.t('a config that can be edited here'),
      found,
      sentence: vscode.l10n.t('{0} cannot be edited here. {1}', name, found),
      action: vscode.l10n.t('Edit the file itself, or run it from a folder of this workspace.'),
    },
    [editorRemedy(vscode.l10n.t('Open Config'), 'vscode.open', file)],
  );
}
