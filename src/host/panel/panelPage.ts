import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { Endpoint } from '../../protocol/postMessageConnection.ts';
import { pageHtml, type PageParts } from './pageHtml.ts';

/** Gives a panel its icon and the right to load the page of a dashboard, and nothing else. */
export function dress(panel: vscode.WebviewPanel, extensionUri: vscode.Uri): void {
  panel.webview.options = { enableScripts: true, localResourceRoots: [pageRoot(extensionUri)] };
  const icon = (theme: string): vscode.Uri =>
    vscode.Uri.joinPath(extensionUri, 'media', `panel-${theme}.svg`);
  // The editor draws the icon of a tab as it is: each kind of theme needs its own.
  panel.iconPath = { light: icon('light'), dark: icon('dark') };
}

/** The way to a panel's page. A hidden one is not written to: it is gone, and asks anew. */
export function endpointOf(panel: vscode.WebviewPanel): Endpoint {
  return {
    post: (message) => {
      if (panel.visible) void panel.webview.postMessage(message);
    },
    onMessage: (listener) => {
      const subscription = panel.webview.onDidReceiveMessage(listener);
      return () => {
        subscription.dispose();
      };
    },
  };
}

/** Folder of the extension that a webview may load from. */
function pageRoot(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, 'dist');
}

/** The page of a dashboard for a webview. @param view  what kind of content will come */
export function panelPage(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  view: PageParts['view'],
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
