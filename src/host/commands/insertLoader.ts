import * as vscode from 'vscode';
import { loaderChoices, loaderSnippet } from '../../configText/loaderSnippet.ts';
import { commandRemedy, editorRemedy, HostError } from '../hostError.ts';
import { exportsBeside, loaderLanguage } from '../exportedSubnet.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import { findCodeEditor } from './codeEditor.ts';
import { needSubnetConfig } from './openCommands.ts';
import type { Target } from './target.ts';

/** Writes code that loads an exported subnet at the cursor of the file the user works on. */
export async function insertLoader(app: App, targets: readonly Target[]): Promise<string> {
  const editor = await findCodeEditor();
  const language = editor === undefined ? undefined : loaderLanguage(editor.document);
  if (editor === undefined || language === undefined) throw noCode();
  const subnet = await needSubnetConfig(app, targets, vscode.l10n.t('Load which subnet?'));
  const exports = exportsBeside(subnet, editor.document.uri);
  const choices = loaderChoices(language, exports);
  const form = await pickOne(
    choices.map(({ form: value, label, detail }) => ({ label, detail, value })),
    { title: vscode.l10n.t('Load it with') },
  );
  const said = await insertAtCursor(editor, (indent) =>
    loaderSnippet(language, form, exports, indent),
  );
  if (!said) throw refused(editor);
  return vscode.l10n.t('Inserted.');
}

/** On the cursor's line when that is blank, else on a new one below it; indented like it. */
async function insertAtCursor(
  editor: vscode.TextEditor,
  snippet: (indent: string) => string,
): Promise<boolean> {
  const { document, selection } = editor;
  const line = document.lineAt(selection.active.line);
  const indent = line.text.slice(0, line.firstNonWhitespaceCharacterIndex);
  const code = snippet(indent);
  const done = await editor.edit((builder) => {
    if (line.isEmptyOrWhitespace) builder.replace(line.range, `${indent}${code}`);
    else builder.insert(line.range.end, `\n${indent}${code}`);
  });
  if (done) await vscode.window.showTextDocument(document, editor.viewColumn);
  return done;
}

function noCode(): HostError {
  const { t } = vscode.l10n;
  return new HostError(
    'run',
    {
      what: t('The editor'),
      expected: t('a Python or TypeScript file'),
      found: t('none among the open files'),
      sentence: t('No Python or TypeScript file is open to insert the snippet into.'),
      action: t('Open the file that is to load the subnet, then try again.'),
    },
    [
      editorRemedy(t('New Python File'), 'workbench.action.files.newUntitledFile', {
        languageId: 'python',
      }),
    ],
  );
}

function refused(editor: vscode.TextEditor): HostError {
  const { t } = vscode.l10n;
  const path = vscode.workspace.asRelativePath(editor.document.uri);
  return new HostError(
    'disk',
    {
      what: path,
      expected: t('a file that can be edited'),
      found: t('one that cannot'),
      sentence: t('{0} cannot be edited.', path),
      action: t('Make the file writable, or open another one.'),
    },
    [commandRemedy(t('Try Again'), 'insertLoader')],
  );
}
