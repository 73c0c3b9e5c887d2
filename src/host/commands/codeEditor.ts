import { basename } from 'node:path';
import * as vscode from 'vscode';
import { loaderLanguage } from '../exportedSubnet.ts';
import { columnBeside } from '../panel/panelColumn.ts';
import { pickOne } from './ask.ts';

/**
 * The editor of the code that is to load a subnet: the active one, else one that is visible, else
 * that of an open tab, which is brought to the front; asks when several tabs hold code.
 * @returns undefined when no open file can hold a loader
 * @throws EngineError `cancelled`
 */
export async function findCodeEditor(): Promise<vscode.TextEditor | undefined> {
  const visible = visibleCodeEditor();
  if (visible !== undefined) return visible;
  const [first, ...others] = await codeTabs();
  if (first === undefined) return undefined;
  const tab =
    others.length === 0
      ? first
      : await pickOne(
          [first, ...others].map((value) => ({
            label: basename(value.document.fileName),
            description: vscode.workspace.asRelativePath(value.document.uri),
            value,
          })),
          { title: vscode.l10n.t('Insert into which file?') },
        );
  return vscode.window.showTextDocument(tab.document, { viewColumn: tab.column, preview: false });
}

/**
 * Where a file is opened beside the code on screen: into a column that shows neither that code nor a
 * page of ours, else into a new one. Beside the file in front where no code is on screen.
 */
export function columnBesideCode(): vscode.ViewColumn {
  const code = visibleCodeEditor()?.viewColumn;
  if (code === undefined) return columnBeside();
  const free = vscode.window.tabGroups.all.find(
    ({ viewColumn, activeTab }) =>
      viewColumn !== code && !(activeTab?.input instanceof vscode.TabInputWebview),
  );
  return free?.viewColumn ?? vscode.ViewColumn.Beside;
}

function visibleCodeEditor(): vscode.TextEditor | undefined {
  const { activeTextEditor, visibleTextEditors } = vscode.window;
  const editors = activeTextEditor === undefined ? [] : [activeTextEditor];
  return [...editors, ...visibleTextEditors].find(
    ({ document }) => loaderLanguage(document) !== undefined,
  );
}

interface CodeTab {
  readonly document: vscode.TextDocument;
  readonly column: vscode.ViewColumn;
}

/** Open tabs of code, each file once. */
async function codeTabs(): Promise<readonly CodeTab[]> {
  const found = new Map<string, CodeTab>();
  for (const { tabs, viewColumn } of vscode.window.tabGroups.all) {
    for (const { input } of tabs) {
      if (!(input instanceof vscode.TabInputText) || found.has(input.uri.toString())) continue;
      const document = await openedDocument(input.uri);
      if (document === undefined || loaderLanguage(document) === undefined) continue;
      found.set(input.uri.toString(), { document, column: viewColumn });
    }
  }
  return [...found.values()];
}

/** The document of a tab; undefined when its file is gone or cannot be shown as text. */
async function openedDocument(uri: vscode.Uri): Promise<vscode.TextDocument | undefined> {
  try {
    return await vscode.workspace.openTextDocument(uri);
  } catch {
    return undefined;
  }
}
