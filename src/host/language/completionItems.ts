import * as vscode from 'vscode';
import { completeConfig, type ConfigCompletion } from '../../configText/completion.ts';
import { cursorAt } from '../../configText/cursor.ts';
import { countWords } from '../../configText/figures.ts';
import { isTextField, type KnownThings } from '../../configText/suggestValues.ts';
import type { ModelLibrary } from '../models/modelLibrary.ts';
import { rangeOf } from './codeActions.ts';
import { configFolder, writtenPath } from './configPath.ts';
import { factsOf } from './configModel.ts';
import { markdown } from '../ui/messages.ts';

/** Text files that are offered. */
const MOST_TEXTS = 200;
/** Where no text of the user's lies. */
const NOT_IN = '**/{node_modules,.git,.subnet,.venv,venv,site-packages,.vscode-test}/**';

const KINDS: Readonly<Record<ConfigCompletion['kind'], vscode.CompletionItemKind>> = {
  field: vscode.CompletionItemKind.Property,
  section: vscode.CompletionItemKind.Module,
  value: vscode.CompletionItemKind.Value,
  folder: vscode.CompletionItemKind.Folder,
  file: vscode.CompletionItemKind.File,
  snippet: vscode.CompletionItemKind.Snippet,
};

/** Completes fields, values, models and texts in a run config. */
export class ConfigCompletions implements vscode.CompletionItemProvider {
  static readonly triggers = ['"', ':'];
  private readonly models: ModelLibrary;

  constructor(models: ModelLibrary) {
    this.models = models;
  }

  async provideCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
  ): Promise<vscode.CompletionItem[]> {
    const text = document.getText();
    const offset = document.offsetAt(position);
    const cursor = cursorAt(text, offset);
    const isEmpty = text.trim() === '';
    if (cursor === null && !isEmpty) return [];
    // Looking for files takes a while, so it is done only where one is wanted.
    const field = cursor?.kind === 'value' ? cursor.path.join('.') : '';
    const wantsText = isTextField(field) || isEmpty;
    const known: KnownThings = {
      models: field === 'model' || isEmpty ? await this.modelPaths(document.uri) : [],
      texts: wantsText ? await textPaths(document.uri) : [],
      model: await factsOf(document, this.models),
    };
    return completeConfig(text, offset, known).map((one, place) => itemOf(document, one, place));
  }

  private async modelPaths(uri: vscode.Uri): Promise<KnownThings['models']> {
    const folder = configFolder(uri);
    if (folder === undefined) return [];
    return (await this.models.list()).flatMap(({ folder: model, reading }) => {
      if (reading.kind !== 'model') return [];
      const { family, params } = reading.facts.summary;
      const detail = `${family} · ${countWords(params)}`;
      return [{ path: writtenPath(folder, model), detail }];
    });
  }
}

async function textPaths(uri: vscode.Uri): Promise<KnownThings['texts']> {
  const folder = configFolder(uri);
  if (folder === undefined) return [];
  const files = await vscode.workspace.findFiles('**/*.{txt,text,md}', NOT_IN, MOST_TEXTS);
  return files
    .filter(({ scheme }) => scheme === 'file')
    .map(({ fsPath }) => ({ path: writtenPath(folder, fsPath), detail: '' }))
    .sort((a, b) => rankOf(a.path) - rankOf(b.path) || a.path.localeCompare(b.path));
}

/** Texts before documentation. */
function rankOf(path: string): number {
  return path.endsWith('.md') ? 1 : 0;
}

function itemOf(
  document: vscode.TextDocument,
  one: ConfigCompletion,
  place: number,
): vscode.CompletionItem {
  const label = { label: one.label, description: one.detail };
  const item = new vscode.CompletionItem(label, KINDS[one.kind]);
  item.insertText = new vscode.SnippetString(one.snippet);
  item.range = rangeOf(document, one.replaces.offset, one.replaces.length);
  item.filterText = one.filter;
  item.sortText = String(place).padStart(4, '0');
  if (one.documentation !== '') item.documentation = markdown(one.documentation);
  item.additionalTextEdits = one.alsoEdits.map(({ offset, length, content }) =>
    vscode.TextEdit.replace(rangeOf(document, offset, length), content),
  );
  if (one.asksAgain) {
    item.command = { command: 'editor.action.triggerSuggest', title: '' };
  }
  return item;
}
