import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { pageHtml } from './pageHtml.ts';

/** Folder of the extension that a webview may load from. */
export function pageRoot(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, 'dist');
}

/** The page of a dashboard for a webview. @param view  what kind of content will come */
export function panelPage(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  view: 'run' | 'compare',
): string {
  const root = pageRoot(extensionUri);
  return pageHtml({
    source: webview.cspSource,
    nonce: randomBytes(24).toString('base64'),
    language: vscode.env.language,
    view,
    url: (name) => webview.asWebviewUri(vscode.Uri.joinPath(root, name)).toString(),
  });
}
