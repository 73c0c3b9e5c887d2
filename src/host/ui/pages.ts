import * as vscode from 'vscode';

/** Scheme of pages that the extension writes and nobody saves. */
const SCHEME = 'subnet-studio';
/** Pages kept; an older one that is still open stays as it was drawn. */
const MOST_PAGES = 20;

/** Markdown pages, such as that of a dry run: shown by the editor's own preview. */
export class Pages implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly registration: vscode.Disposable;

  readonly onDidChange = this.changed.event;

  constructor() {
    this.registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.path) ?? vscode.l10n.t('This page is gone; run its command again.');
  }

  /** Shows a page; one of the same title is replaced. @param text  Markdown */
  async show(title: string, text: string): Promise<void> {
    const path = `/${title.replaceAll(/[\\/]/g, '-')}.md`;
    this.texts.delete(path);
    this.texts.set(path, text);
    const [oldest] = this.texts.keys();
    if (oldest !== undefined && this.texts.size > MOST_PAGES) this.texts.delete(oldest);
    const uri = vscode.Uri.from({ scheme: SCHEME, path });
    this.changed.fire(uri);
    try {
      await vscode.commands.executeCommand('markdown.showPreview', uri);
    } catch {
      // The Markdown extension may be switched off; the text says the same.
      await vscode.window.showTextDocument(uri, { preview: true });
    }
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }
}
