import * as vscode from 'vscode';
import {
  bestRow,
  decidedRows,
  denseRow,
  methodTitle,
} from '../../dashboard/model/comparisonText.ts';
import type { Target } from '../commands/target.ts';
import type { ComparisonEntry } from '../comparisons/comparisonEntry.ts';
import { formatDuration, formatFitness, formatTime, joined } from '../ui/format.ts';
import type { RowLook, TreeNode } from './nodeTree.ts';
import { stateIcon, stateText } from './runLook.ts';
import { markdownText } from '../ui/messages.ts';

/** The row of a comparison; the same object while it is shown. */
export class ComparisonNode implements TreeNode {
  readonly id: string;
  entry: ComparisonEntry;
  parent: TreeNode | undefined;

  constructor(entry: ComparisonEntry) {
    this.id = comparisonId(entry);
    this.entry = entry;
  }

  get target(): Target {
    const { id, configPath, job } = this.entry;
    return {
      comparison: id,
      ...(configPath === null ? {} : { config: vscode.Uri.file(configPath) }),
      ...(job === null ? {} : { job: job.id }),
    };
  }

  get command(): vscode.Command {
    const title = vscode.l10n.t('Open');
    return { command: 'subnetStudio.openComparison', title, arguments: [this.target] };
  }

  look(): RowLook {
    const { name, state, problem } = this.entry;
    const description = comparisonFacts(this.entry);
    return {
      label: name,
      description,
      icon:
        state === 'finished'
          ? new vscode.ThemeIcon('table', new vscode.ThemeColor('testing.iconPassed'))
          : stateIcon(state),
      contextValue: `comparison.${problem === '' ? state : 'broken'}`,
      spoken: joined(name, vscode.l10n.t('comparison of methods'), stateText(state), description),
    };
  }

  tooltip(): string {
    const { name, state, table, problem, job, startedMs } = this.entry;
    const dense = table === null ? undefined : denseRow(table);
    const best = table === null ? undefined : bestRow(table);
    const etaMs = job?.etaMs ?? null;
    const { t } = vscode.l10n;
    const lines = [
      `**${markdownText(name)}** — ${t('comparison of methods')}, ${stateText(state)}`,
      markdownText(problem),
      table === null ? '' : t('Model: {0}', markdownText(table.model)),
      best === undefined ? '' : markdownText(bestText(best)),
      dense === undefined ? '' : t('Dense: {0}', markdownText(formatFitness(dense.perplexity))),
      etaMs === null ? '' : t('{0} left', markdownText(formatDuration(etaMs))),
      startedMs === 0 ? '' : t('Started: {0}', markdownText(formatTime(startedMs))),
    ];
    return lines.filter((line) => line !== '').join('\n\n');
  }
}

/** What tells its row apart. */
export function comparisonId({ id }: ComparisonEntry): string {
  return `comparison:${id}`;
}

/** `12 of 34 rows · Wanda 2:4 3.01`, or why there are none. */
export function comparisonFacts({ table, problem, state }: ComparisonEntry): string {
  const { t } = vscode.l10n;
  if (problem !== '') return problem;
  if (table === null) return joined(t('methods'), stateText(state));
  const best = bestRow(table);
  return joined(
    rowsText(table),
    best !== undefined &&
      `${methodTitle(best.method)} ${best.pattern} ${formatFitness(best.perplexity)}`,
    state !== 'finished' && stateText(state),
  );
}

/** How far a comparison is. */
export function rowsText(table: NonNullable<ComparisonEntry['table']>): string {
  const done = decidedRows(table);
  return done === table.total
    ? vscode.l10n.t('{0} rows', done)
    : vscode.l10n.t('{0} of {1} rows', done, table.total);
}

/** The best method of a comparison, in a sentence. */
export function bestText({
  method,
  pattern,
  perplexity,
}: NonNullable<ReturnType<typeof bestRow>>): string {
  const { t } = vscode.l10n;
  return t(
    '{0} is best at {1}: perplexity {2}',
    methodTitle(method),
    pattern,
    formatFitness(perplexity),
  );
}
