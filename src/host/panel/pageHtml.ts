/** What the page of a dashboard is made of. */
export interface PageParts {
  /** Where scripts and styles may come from, as a source of the policy. */
  readonly source: string;
  /** Fresh for every page. */
  readonly nonce: string;
  readonly language: string;
  /** What kind of content will come. */
  readonly view: 'run' | 'compare' | 'methods';
  /** Address of a file of the bundle. */
  url(name: string): string;
  /** Scripts that run before the page's own; none in the editor. */
  readonly before?: string;
}

/**
 * The page of a dashboard: no data in it, nothing inline, nothing from elsewhere. It knows no editor,
 * so that tests open the very page, under the very policy, that the editor does.
 */
export function pageHtml(parts: PageParts): string {
  const { source, nonce, language, view, before } = parts;
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    // The control library adds one style element, which carries the nonce of the meta element below.
    `style-src ${source} 'nonce-${nonce}'`,
    `font-src ${source}`,
    `img-src ${source} data:`,
    "connect-src 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="${attribute(language)}">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${attribute(policy)}" />
    <meta property="csp-nonce" content="${nonce}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="stylesheet" href="${attribute(parts.url('webview.css'))}" />
    <title>Subnet Studio</title>
  </head>
  <body data-view="${view}">
    ${before === undefined ? '' : `<script nonce="${nonce}">${before}</script>`}
    <script type="module" nonce="${nonce}" src="${attribute(parts.url('webview.js'))}"></script>
  </body>
</html>
`;
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
