import * as vscode from 'vscode';
import { labelText, markdownText, messageText } from '../../protocol/plainText.ts';

// The only place that shows notifications and makes Markdown. Their texts hold names and messages from
// files that somebody else may have written; an editor would turn such text into commands to click on.

/** Shows an error. @returns the button that was pressed */
export function showError(text: string, ...buttons: string[]): Thenable<string | undefined> {
  return vscode.window.showErrorMessage(messageText(text), ...buttons);
}

/** Tells of something that went well. @returns the button that was pressed */
export function showInformation(text: string, ...buttons: string[]): Thenable<string | undefined> {
  return vscode.window.showInformationMessage(messageText(text), ...buttons);
}

/** Asks in the middle of the window before something is done. @returns the button that was pressed */
export function askModal(
  text: string,
  detail: string,
  button: string,
): Thenable<string | undefined> {
  const options = { modal: true, detail: messageText(detail, 1000) };
  return vscode.window.showWarningMessage(messageText(text), options, button);
}

/** Shows that something goes on until it is done. @param work  is given a signal that its button raises */
export function showProgress<T>(
  title: string,
  work: (signal: AbortSignal) => Promise<T>,
): Thenable<T> {
  const location = vscode.ProgressLocation.Notification;
  const options = { location, title: messageText(title), cancellable: true };
  return vscode.window.withProgress(options, (_, token) => {
    const controller = new AbortController();
    token.onCancellationRequested(() => controller.abort());
    return work(controller.signal);
  });
}

/** A choice of a list, with an icon of this program's choosing before its name. */
export interface ListedChoice extends vscode.QuickPickItem {
  /** Name of a codicon. */
  readonly icon?: string;
}

/** The choice as the editor shows it: names, which come from elsewhere, make no icons. */
export function shownChoice<C extends ListedChoice>(choice: C): C {
  const { icon, label, description, detail } = choice;
  return {
    ...choice,
    label: icon === undefined ? labelText(label) : `$(${icon}) ${labelText(label)}`,
    ...(description === undefined ? {} : { description: labelText(description) }),
    ...(detail === undefined ? {} : { detail: labelText(detail, 400) }),
  };
}

/**
 * Markdown of this program's own making; what comes from elsewhere goes through {@link markdownText}
 * first. Links to commands and HTML are never followed in it.
 */
export function markdown(text: string): vscode.MarkdownString {
  const made = new vscode.MarkdownString(text);
  made.isTrusted = false;
  made.supportHtml = false;
  return made;
}

export { labelText, markdownText };
