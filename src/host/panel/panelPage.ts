import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Folder of the extension that a webview may load from. */
export function pageRoot(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, 'dist');
}

/**
 * The page of a dashboard: no data in it, nothing inline, nothing from elsewhere.
 * @param view  what kind of content will come
 */
export function panelPage(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  view: 'run' | 'compare',
): string {
  const nonce = randomBytes(24).toString('base64');
  const source = (name: string): string =>
    attribute(webview.asWebviewUri(vscode.Uri.joinPath(pageRoot(extensionUri), name)).toString());
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    // The control library adds one style element, which carries the nonce of the meta element below.
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data:`,
    "connect-src 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="${attribute(vscode.env.language)}">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${attribute(policy)}" />
    <meta property="csp-nonce" content="${nonce}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="stylesheet" href="${source('webview.css')}" />
    <title>Subnet Studio</title>
  </head>
  <body data-view="${view}">
    <script nonce="${nonce}" src="${source('webview.js')}"></script>
  </body>
</html>
`;
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
