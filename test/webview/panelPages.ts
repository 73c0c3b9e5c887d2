import { pageHtml } from '../../src/host/panel/pageHtml.ts';
import type { PageTheme } from './themes.ts';
import { DECODE_MESSAGE } from './wireBytes.ts';

/** What the page of a panel is made of. */
export interface PanelPage {
  /** Where its scripts and styles come from: the only source that its policy allows. */
  readonly origin: string;
  readonly nonce: string;
  readonly view: 'run' | 'compare' | 'methods';
  readonly theme: PageTheme;
  /** Names the stored state, which a reload finds again. */
  readonly stateKey: string;
}

/**
 * The page that the extension gives its webview, under the same policy, with what VS Code adds: the
 * theme, and the door to the host. It stands in a frame as in VS Code.
 */
export function panelPage({ origin, nonce, view, theme, stateKey }: PanelPage): string {
  return pageHtml({
    ...{ source: origin, nonce, view, language: 'en' },
    url: (name) => `${origin}/dist/${name}`,
    before: `(${EDITOR_SIDE})(${inScript(theme)}, ${inScript(stateKey)})`,
  });
}

/** What VS Code does in a webview before the page's own script runs. */
const EDITOR_SIDE = `(theme, stateKey) => {
  window.cspViolations = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    window.cspViolations.push(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample);
  });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(
    'body { margin: 0; padding: 0 20px; color: var(--vscode-foreground);' +
    ' font: var(--vscode-font-weight) var(--vscode-font-size) var(--vscode-font-family);' +
    ' background: var(--vscode-editor-background); overscroll-behavior-x: none; }',
  );
  document.adoptedStyleSheets = [sheet];
  const apply = (next) => {
    const { style } = document.documentElement;
    for (const name of Array.from(style)) if (name.startsWith('--vscode-')) style.removeProperty(name);
    for (const [name, value] of Object.entries(next.variables)) style.setProperty(name, value);
    const own = Array.from(document.body.classList).filter((name) => !name.startsWith('vscode-'));
    document.body.className = [...own, ...next.classes].join(' ');
    document.body.dataset.vscodeThemeKind = next.kind;
    document.body.dataset.vscodeThemeId = next.id;
  };
  apply(theme);
  window.addEventListener('message', (event) => {
    if (event.data?.editorTheme === undefined) return;
    event.stopImmediatePropagation();
    apply(event.data.editorTheme);
  });
  let taken = false;
  window.acquireVsCodeApi = () => {
    if (taken) throw new Error('an instance of the VS Code API has already been acquired');
    taken = true;
    return {
      postMessage: (message) => window.parent.postMessage(message, '*'),
      getState: () => JSON.parse(sessionStorage.getItem(stateKey) ?? 'null') ?? undefined,
      setState: (state) => sessionStorage.setItem(stateKey, JSON.stringify(state)),
    };
  };
}`;

/**
 * The window around a panel: it carries messages between the frame and the host.
 * @param frame  address of the panel's page, on another site, so that it has a process of its own
 * @param session  name of the host's end
 */
export function windowPage(
  frame: string,
  session: string,
  themes: Readonly<Record<string, PageTheme>>,
  bar: string,
): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Subnet Studio panel</title>
    <style>
      html, body { margin: 0; height: 100%; background: #888; }
      body { display: flex; flex-direction: column; font: 12px sans-serif; }
      iframe { flex: 1; border: 0; width: 100%; }
      nav { padding: 4px 8px; display: flex; gap: 12px; background: #ddd; }
    </style>
  </head>
  <body>
    ${bar}
    <iframe id="panel" name="panel" title="Panel"></iframe>
    <script>
      const themes = ${inScript(themes)};
      const decode = ${DECODE_MESSAGE};
      const panel = document.getElementById('panel');
      const events = new EventSource('/events?session=${session}');
      let sent = Promise.resolve();
      events.onmessage = ({ data }) => panel.contentWindow.postMessage(decode(data), '*');
      window.setTheme = (name) => panel.contentWindow.postMessage({ editorTheme: themes[name] }, '*');
      window.addEventListener('message', ({ source, data }) => {
        if (source !== panel.contentWindow) return;
        const body = JSON.stringify(data);
        // One after the other: the host is told in the order of the page.
        sent = sent.then(() => fetch('/message?session=${session}', { method: 'POST', body }));
      });
      events.onopen = () => {
        events.onopen = null;
        panel.src = ${inScript(frame)};
      };
    </script>
  </body>
</html>
`;
}

/** A list of links to panels. */
export function indexPage(
  runs: readonly { readonly name: string; readonly words: string }[],
  comparisons: readonly string[],
  themes: readonly string[],
): string {
  const link = (href: string, text: string): string => `<a href="${href}">${text}</a>`;
  const rows = runs.map(({ name, words }) => {
    const links = themes.map((theme) => link(`/open?runs=${name}&theme=${theme}`, theme));
    return `<tr><th>${name}</th><td>${words}</td><td>${links.join(' · ')}</td></tr>`;
  });
  const methods = comparisons.map((name) => {
    const links = themes.map((theme) => link(`/open?methods=${name}&theme=${theme}`, theme));
    return `<tr><th>${name}</th><td>comparison of methods</td><td>${links.join(' · ')}</td></tr>`;
  });
  const compared = 'mid,mid-60,tiny';
  const links = themes.map((theme) => link(`/open?runs=${compared}&theme=${theme}`, theme));
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Panels</title>
    <style>
      body { font: 14px system-ui, sans-serif; margin: 2rem; }
      th { text-align: left; }
      td, th { padding: 0.25rem 1.5rem 0.25rem 0; }
    </style>
  </head>
  <body>
    <h1>Panels on recorded runs</h1>
    <table>${rows.join('')}<tr><th>compare</th><td>${compared}</td><td>${links.join(' · ')}</td></tr>${methods.join('')}</table>
  </body>
</html>
`;
}

/** JSON that cannot end the script it stands in. */
function inScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
