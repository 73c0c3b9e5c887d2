import * as vscode from 'vscode';
import { nameOf } from '../comparisons/comparisonEntry.ts';
import { ComparisonHost, type ComparisonPlace, type ComparisonServices } from './comparisonHost.ts';
import { dress, endpointOf, panelPage } from './panelPage.ts';

/** Type of the panel, by which the editor finds its serializer. */
export const COMPARISON_PANEL = 'subnetStudio.comparison';

/** The pages of comparisons of this window: one per config, and one per older comparison looked at. */
export class ComparisonPanels implements vscode.WebviewPanelSerializer, vscode.Disposable {
  private readonly extensionUri: vscode.Uri;
  private readonly services: ComparisonServices;
  private readonly opened = new Map<string, vscode.WebviewPanel>();
  private readonly subscription: vscode.Disposable;
  /** Looks for the workspace's comparisons; done when they are known. */
  private readonly start: () => Promise<void>;

  constructor(extensionUri: vscode.Uri, start: () => Promise<void>, services: ComparisonServices) {
    this.extensionUri = extensionUri;
    this.start = start;
    this.services = services;
    this.subscription = vscode.workspace.onDidGrantWorkspaceTrust(() => {
      for (const panel of this.opened.values()) this.load(panel);
    });
  }

  /** Shows a comparison; the page that is open is used again. */
  show(place: ComparisonPlace): void {
    const newest = this.services.comparisons.find(place.configPath)?.folder;
    const shown = place.folder === newest ? { ...place, folder: null } : place;
    const open = this.opened.get(keyOf(shown));
    if (open !== undefined) return open.reveal();
    const title = vscode.l10n.t('{0} · methods', nameOf(place.configPath));
    const column = this.services.column.next();
    const options = { enableFindWidget: true };
    this.adopt(vscode.window.createWebviewPanel(COMPARISON_PANEL, title, column, options), shown);
  }

  /** Brings a page back after a restart of the window, if it kept a config that is known here. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { configPath } = (typeof state === 'object' && state !== null ? state : {}) as {
      configPath?: unknown;
    };
    await this.start();
    const place = { configPath: String(configPath), folder: null };
    const known = this.services.comparisons.entries.some((one) => one.configPath === configPath);
    if (!known || this.opened.has(keyOf(place))) panel.dispose();
    else this.adopt(panel, place);
  }

  dispose(): void {
    this.subscription.dispose();
    for (const panel of [...this.opened.values()]) panel.dispose();
  }

  private adopt(panel: vscode.WebviewPanel, place: ComparisonPlace): void {
    dress(panel, this.extensionUri);
    this.services.column.track(panel);
    const host = new ComparisonHost(endpointOf(panel), place, this.services);
    this.opened.set(keyOf(place), panel);
    panel.onDidChangeViewState(() => {
      if (!panel.visible) host.sleep();
    });
    panel.onDidDispose(() => {
      this.opened.delete(keyOf(place));
      host.dispose();
    });
    this.load(panel);
  }

  private load({ webview }: vscode.WebviewPanel): void {
    webview.html = panelPage(webview, this.extensionUri, 'methods');
  }
}

function keyOf({ configPath, folder }: ComparisonPlace): string {
  return `${configPath}\n${folder ?? ''}`;
}
