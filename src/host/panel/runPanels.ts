import * as vscode from 'vscode';
import type { RunEntry } from '../runs/runEntry.ts';
import { onSetting } from '../settings.ts';
import { PanelHost, type PanelServices } from './panelHost.ts';
import { dress, endpointOf, panelPage } from './panelPage.ts';

/** Type of the panel, by which the editor finds its serializer. */
export const PANEL_TYPE = 'subnetStudio.dashboard';

/** Runs one dashboard may compare. */
export const MOST_COMPARED = 8;

interface Open {
  readonly panel: vscode.WebviewPanel;
  readonly host: PanelHost;
}

/** The dashboards of this window: one per run, and one per set of runs that are compared. */
export class RunPanels implements vscode.WebviewPanelSerializer, vscode.Disposable {
  private readonly extensionUri: vscode.Uri;
  private readonly services: PanelServices;
  private readonly opened = new Map<string, Open>();
  private readonly subscriptions: readonly vscode.Disposable[];

  constructor(extensionUri: vscode.Uri, services: PanelServices) {
    this.extensionUri = extensionUri;
    this.services = services;
    // What a page was told at its beginning is no longer so; it is quick to begin anew.
    this.subscriptions = [
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.renew()),
      onSetting('palette', () => this.renew()),
    ];
  }

  /**
   * Shows the dashboard of a run, or of several to compare; the one that is open is used again.
   * @param select  key of a subnet to show selected
   */
  show(
    runs: readonly RunEntry[],
    options: { readonly select?: string; readonly preserveFocus?: boolean } = {},
  ): void {
    const keys = runs.map(({ key }) => key);
    const { select, preserveFocus = false } = options;
    const open = this.opened.get(nameOf(keys));
    if (open !== undefined) {
      open.panel.reveal(undefined, preserveFocus);
      if (select !== undefined && keys[0] !== undefined) open.host.select(keys[0], select);
      return;
    }
    const place = { viewColumn: this.services.column.next(), preserveFocus };
    const panel = vscode.window.createWebviewPanel(PANEL_TYPE, titleOf(runs), place, {
      enableFindWidget: true,
    });
    this.adopt(panel, keys, select ?? null);
  }

  /** Brings a dashboard back after a restart of the window. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const keys = keysOf(state);
    await this.services.store.start();
    const runs = keys.flatMap((key) => this.services.store.ofKey(key) ?? []);
    if (runs.length > 0) panel.title = titleOf(runs);
    if (keys.length === 0 || this.opened.has(nameOf(keys))) panel.dispose();
    else this.adopt(panel, keys, null);
  }

  /** Keys of the runs of the dashboard that has the focus; empty when none has. */
  get active(): readonly string[] {
    for (const [name, { panel }] of this.opened) if (panel.active) return name.split('\n');
    return [];
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    for (const { panel } of [...this.opened.values()]) panel.dispose();
  }

  private adopt(panel: vscode.WebviewPanel, keys: readonly string[], select: string | null): void {
    const name = nameOf(keys);
    dress(panel, this.extensionUri);
    this.services.column.track(panel);
    const host = new PanelHost(endpointOf(panel), keys, this.services, select);
    this.opened.set(name, { panel, host });
    panel.onDidChangeViewState(() => {
      if (!panel.visible) host.sleep();
    });
    panel.onDidDispose(() => {
      this.opened.delete(name);
      host.dispose();
    });
    this.load(panel, keys);
  }

  private renew(): void {
    for (const [name, { panel }] of this.opened) this.load(panel, name.split('\n'));
  }

  private load({ webview }: vscode.WebviewPanel, keys: readonly string[]): void {
    webview.html = panelPage(webview, this.extensionUri, keys.length > 1 ? 'compare' : 'run');
  }
}

/** Keys in the state a page has kept, or nothing when it is not what a page keeps. */
function keysOf(state: unknown): string[] {
  const { runs } = (typeof state === 'object' && state !== null ? state : {}) as { runs?: unknown };
  if (!Array.isArray(runs) || runs.length > MOST_COMPARED) return [];
  return runs.filter((key): key is string => typeof key === 'string' && key.length <= 200);
}

/** What tells dashboards apart. */
function nameOf(keys: readonly string[]): string {
  return keys.join('\n');
}

function titleOf(runs: readonly RunEntry[]): string {
  const [first] = runs;
  if (first !== undefined && runs.length === 1) return first.manifest.name;
  return vscode.l10n.t('Compare {0} runs', runs.length);
}
