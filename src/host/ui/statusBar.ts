import * as vscode from 'vscode';
import type { RunEntry } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { bestText, progressText, runTooltip } from '../trees/runLook.ts';
import { formatDuration, joined } from './format.ts';

/** One item on the left while something runs; a click opens its dashboard. Gone when idle. */
export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly subscription: vscode.Disposable;

  constructor(store: RunStore) {
    this.item = vscode.window.createStatusBarItem(
      'subnetStudio.progress',
      vscode.StatusBarAlignment.Left,
    );
    this.item.name = 'Subnet Studio';
    this.subscription = store.onDidChange(() => this.update(store));
  }

  dispose(): void {
    this.subscription.dispose();
    this.item.dispose();
  }

  private update(store: RunStore): void {
    const running = store.runs.filter(({ state }) => state === 'running');
    const [first] = running;
    if (first === undefined) {
      this.item.hide();
      return;
    }
    const waiting = store.rows.filter((row) => 'queuePlace' in row && row.queuePlace !== null);
    const more = running.length + waiting.length - 1;
    const text = joined(statusText(first), more > 0 && vscode.l10n.t('{0} more', more));
    this.item.text = `$(sync~spin) ${text}`;
    this.item.tooltip = new vscode.MarkdownString(runTooltip(first), true);
    const label = joined(vscode.l10n.t('Subnet Studio'), first.manifest.name, text);
    this.item.accessibilityInformation = { label };
    this.item.command = {
      command: 'subnetStudio.openDashboard',
      title: vscode.l10n.t('Open Dashboard'),
      arguments: [{ run: first.folder }],
    };
    this.item.show();
  }
}

/** `gen 12/30 · 8.41 · 3 min left` */
export function statusText(run: RunEntry): string {
  const { etaMs } = run.digest;
  return joined(
    progressText(run) || run.manifest.name,
    bestText(run),
    etaMs !== null && vscode.l10n.t('{0} left', formatDuration(etaMs)),
  );
}
