import * as vscode from 'vscode';
import type { ComparisonEntry } from '../comparisons/comparisonEntry.ts';
import type { ComparisonStore } from '../comparisons/comparisonStore.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { PREFIX } from '../settings.ts';
import { ComparisonNode, rowsText } from '../trees/comparisonLook.ts';
import { bestText, busyText, progressText, runTooltip } from '../trees/runLook.ts';
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
    // One that has arguments would be registered anew with every update, and a click on an item that
    // was drawn a moment ago would name one that is gone. What is running is looked up at the click.
    this.item.command = `${PREFIX}.openRunning`;
    const update = (): void => this.update(store, comparisons);
    this.subscriptions = [store.onDidChange(update), comparisons.onDidChange(update)];
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.item.dispose();
  }

  private update(store: RunStore, comparisons: ComparisonStore): void {
    const running = runningWork(store, comparisons);
    const [first] = running;
    if (first === undefined) {
      this.item.hide();
      return;
    }
    const shown = 'manifest' in first ? runItem(first) : comparisonItem(first);
    const waiting =
      store.rows.filter((row) => 'queuePlace' in row && row.queuePlace !== null).length +
      comparisons.entries.filter(({ state }) => state === 'queued').length;
    const more = running.length + waiting - 1;
    const text = joined(shown.text, more > 0 && vscode.l10n.t('{0} more', more));
    this.item.text = `$(sync~spin) ${labelText(text)}`;
    this.item.tooltip = markdown(shown.tooltip);
    const label = joined(vscode.l10n.t('Subnet Studio'), shown.name, text);
    this.item.accessibilityInformation = { label };
    this.item.show();
  }
}

/** What is running: runs, comparisons, then work on subnets; the first is what the status bar shows. */
export function runningWork(
  store: RunStore,
  comparisons: ComparisonStore,
): readonly (RunEntry | ComparisonEntry)[] {
  const isRunning = ({ state }: RunEntry | ComparisonEntry): boolean => state === 'running';
  const isBusy = (run: RunEntry): boolean => !isRunning(run) && run.busyFraction !== null;
  return [
    ...store.runs.filter(isRunning),
    ...comparisons.entries.filter(isRunning),
    ...store.runs.filter(isBusy),
  ];
}

interface Shown {
  readonly name: string;
  readonly text: string;
  /** Markdown. */
  readonly tooltip: string;
}

function runItem(run: RunEntry): Shown {
  return { name: run.manifest.name, text: statusText(run), tooltip: runTooltip(run) };
}

function comparisonItem(entry: ComparisonEntry): Shown {
  const { table, job, name } = entry;
  const etaMs = job?.etaMs ?? null;
  const text = joined(
    table === null ? name : rowsText(table),
    etaMs !== null && vscode.l10n.t('{0} left', formatDuration(etaMs)),
  );
  return { name, text, tooltip: new ComparisonNode(entry).tooltip() };
}

/** `generation 12 of 30 · perplexity 8.41` */
export function statusText(run: RunEntry): string {
  if (run.state !== 'running' && run.busyWith !== null) return busyText(run);
  return joined(progressText(run) || run.manifest.name, bestText(run));
}
