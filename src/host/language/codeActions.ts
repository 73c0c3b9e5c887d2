import * as vscode from 'vscode';
import { fieldNode, readConfigTree } from '../../configText/configTree.ts';
import { modelIssues } from '../../configText/modelIssues.ts';
import { configIssues } from '../../configText/problems.ts';
import type { TextEdit } from '../../configText/textEdit.ts';
import { typingDistance } from '../../protocol/didYouMean.ts';
import type { ModelLibrary } from '../models/modelLibrary.ts';
import { factsOf } from './configModel.ts';
import { configFolder, writtenPath } from './configPath.ts';
import { SOURCE } from './diagnostics.ts';

/** Models offered instead of one that is not there. */
const MOST_MODELS = 5;

/** Repairs for the problems of a run config. */
export class ConfigActions implements vscode.CodeActionProvider {
  static readonly kinds = [vscode.CodeActionKind.QuickFix];
  private readonly models: ModelLibrary;

  constructor(models: ModelLibrary) {
    this.models = models;
  }

  async provideCodeActions(
    document: vscode.TextDocument,
    range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): Promise<vscode.CodeAction[]> {
    const text = document.getText();
    const own = diagnostics.filter(({ source }) => source === SOURCE);
    const facts = await factsOf(document, this.models);
    const misfits = facts === null ? [] : modelIssues(text, facts);
    const actions = [...configIssues(text), ...misfits].flatMap(
      ({ offset, length, message, fixes }) => {
        const place = rangeOf(document, offset, length);
        if (place.intersection(range) === undefined) return [];
        const told = own.find((one) => one.message === message && one.range.isEqual(place));
        return fixes.map(({ title, edits, preferred }) =>
          actionOf(document, { title, edits, preferred, told }),
        );
      },
    );
    return [...actions, ...(await this.otherModels(document, own))];
  }

  /** Models that are there, those of a like name first, for one that is not. */
  private async otherModels(
    document: vscode.TextDocument,
    own: readonly vscode.Diagnostic[],
  ): Promise<vscode.CodeAction[]> {
    const told = own.find(({ code }) => code === 'missingModel' || code === 'badModel');
    const folder = configFolder(document.uri);
    const node = fieldNode(readConfigTree(document.getText()), ['model']);
    if (told === undefined || folder === undefined || node === undefined) return [];
    const written = String(node.value);
    const last = written.split('/').at(-1) ?? '';
    const near = (await this.models.list())
      .filter(({ reading }) => reading.kind === 'model')
      .map((model) => ({ path: writtenPath(folder, model.folder), name: model.name }))
      .filter(({ path }) => path !== written)
      .map((model) => ({ ...model, distance: typingDistance(last, model.name, last.length) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, MOST_MODELS);
    return near.map(({ path }) => {
      const { offset, length } = node;
      const edits = [{ offset, length, content: JSON.stringify(path) }];
      const title = vscode.l10n.t('Use the model {0}', path);
      return actionOf(document, { title, edits, preferred: near.length === 1, told });
    });
  }
}

/** The range of some characters of a document. */
export function rangeOf(
  document: vscode.TextDocument,
  offset: number,
  length: number,
): vscode.Range {
  return new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
}

/** The edits of a text as the editor takes them, undone in one step. */
export function workspaceEdit(
  document: vscode.TextDocument,
  edits: readonly TextEdit[],
): vscode.WorkspaceEdit {
  const all = new vscode.WorkspaceEdit();
  for (const { offset, length, content } of edits) {
    all.replace(document.uri, rangeOf(document, offset, length), content);
  }
  return all;
}

function actionOf(
  document: vscode.TextDocument,
  fix: {
    readonly title: string;
    readonly edits: readonly TextEdit[];
    readonly preferred: boolean;
    readonly told: vscode.Diagnostic | undefined;
  },
): vscode.CodeAction {
  const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
  action.edit = workspaceEdit(document, fix.edits);
  action.isPreferred = fix.preferred;
  if (fix.told !== undefined) action.diagnostics = [fix.told];
  return action;
}
