import * as vscode from 'vscode';
import type { ComparisonEntry } from '../comparisons/comparisonEntry.ts';
import type { ComparisonStore } from '../comparisons/comparisonStore.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { ComparisonNode, rowsText } from '../trees/comparisonLook.ts';
import { bestText, progressText, runTooltip } from '../trees/runLook.ts';
import { formatDuration, joined } from './format.ts';
import { labelText, markdown } from './messages.ts';

/** One item on the left while something runs; a click opens its dashboard. Gone when idle. */
export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly subscriptions: readonly vscode.Disposable[];

  constructor(store: RunStore, comparisons: ComparisonStore) {
    this.item = vscode.window.createStatusBarItem(
      'subnetStudio.progress',
      vscode.StatusBarAlignment.Left,
    );
    this.item.name = 'Subnet Studio';
    const update = (): void => this.update(store, comparisons);
    this.subscriptions = [store.onDidChange(update), comparisons.onDidChange(update)];
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.item.dispose();
  }

  private update(store: RunStore, { entries }: ComparisonStore): void {
    const runs = store.runs.filter(({ state }) => state === 'running');
    const compared = entries.filter(({ state }) => state === 'running');
    const [shown] = [...runs.map(runItem), ...compared.map(comparisonItem)];
    if (shown === undefined) {
      this.item.hide();
      return;
    }
    const waiting =
      store.rows.filter((row) => 'queuePlace' in row && row.queuePlace !== null).length +
      entries.filter(({ state }) => state === 'queued').length;
    const more = runs.length + compared.length + waiting - 1;
    const text = joined(shown.text, more > 0 && vscode.l10n.t('{0} more', more));
    this.item.text = `$(sync~spin) ${labelText(text)}`;
    this.item.tooltip = markdown(shown.tooltip);
    const label = joined(vscode.l10n.t('Subnet Studio'), shown.name, text);
    this.item.accessibilityInformation = { label };
    this.item.command = shown.command;
    this.item.show();
  }
}

interface Shown {
  readonly name: string;
  readonly text: string;
  /** Markdown. */
  readonly tooltip: string;
  readonly command: vscode.Command;
}

function runItem(run: RunEntry): Shown {
  const title = vscode.l10n.t('Open Dashboard');
  return {
    ...{ name: run.manifest.name, text: statusText(run), tooltip: runTooltip(run) },
    command: { command: 'subnetStudio.openDashboard', title, arguments: [{ run: run.folder }] },
  };
}

function comparisonItem(entry: ComparisonEntry): Shown {
  const { table, job, name } = entry;
  const node = new ComparisonNode(entry);
  const etaMs = job?.etaMs ?? null;
  const text = joined(
    table === null ? name : rowsText(table),
    etaMs !== null && vscode.l10n.t('{0} left', formatDuration(etaMs)),
  );
  return { name, text, tooltip: node.tooltip(), command: node.command };
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
