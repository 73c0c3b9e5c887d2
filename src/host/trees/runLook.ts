import * as vscode from 'vscode';
import {
  kindOf,
  modelName,
  plannedGenerations,
  type RunEntry,
  type ShownState,
} from '../runs/runEntry.ts';
import { finalFigure } from '../runs/runDigest.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFitness,
  formatTime,
  joined,
} from '../ui/format.ts';
import type { RowLook } from './nodeTree.ts';
import { markdownText } from '../ui/messages.ts';

const icons: Readonly<Record<ShownState, readonly [string, string?]>> = {
  running: ['sync~spin', 'charts.blue'],
  queued: ['clock', 'testing.iconQueued'],
  paused: ['debug-pause', 'charts.yellow'],
  interrupted: ['warning', 'list.warningForeground'],
  failed: ['error', 'testing.iconFailed'],
  finished: ['pass', 'testing.iconPassed'],
};

/** The row of a run: state, ratio, generation, best perplexity, model. */
export function runLook(run: RunEntry): RowLook {
  const description = joined(
    run.queuePlace !== null && vscode.l10n.t('place {0} in the queue', run.queuePlace),
    progressText(run),
    bestText(run),
    kindOf(run),
    modelName(run),
    run.busyWith,
  );
  return {
    label: run.manifest.name,
    description,
    icon: stateIcon(run.state),
    contextValue: `run.${run.state}`,
    spoken: joined(run.manifest.name, stateText(run.state), description),
  };
}

/** The icon of a state, which its colour does not tell alone. */
export function stateIcon(state: ShownState): vscode.ThemeIcon {
  const [icon, colour] = icons[state];
  const tint = colour === undefined ? undefined : new vscode.ThemeColor(colour);
  return new vscode.ThemeIcon(icon, tint);
}

/** The state in the user's language. */
export function stateText(state: ShownState): string {
  switch (state) {
    case 'running':
      return vscode.l10n.t('running');
    case 'queued':
      return vscode.l10n.t('queued');
    case 'paused':
      return vscode.l10n.t('paused');
    case 'interrupted':
      return vscode.l10n.t('interrupted');
    case 'failed':
      return vscode.l10n.t('failed');
    case 'finished':
      return vscode.l10n.t('finished');
  }
}

/** `gen 12/30`, or the stage and how much of it is done; empty for a run that does not run. */
export function progressText(run: RunEntry): string {
  const { stage, fraction, generation } = run.digest;
  const percent = fraction === null ? '' : ` ${Math.floor(100 * fraction)}%`;
  if (generation !== null && (stage === 'search' || run.state !== 'running')) {
    const planned = plannedGenerations(run);
    if (run.state === 'finished') return '';
    return planned === null
      ? vscode.l10n.t('gen {0}', generation)
      : vscode.l10n.t('gen {0}/{1}', generation, planned);
  }
  return run.state === 'running' && stage !== null ? `${stage}${percent}` : '';
}

/** Best perplexity: of the end when there is one, else of the search. */
export function bestText({ digest }: RunEntry): string {
  const value = finalFigure(digest)?.perplexity ?? digest.best;
  return value === null ? '' : formatFitness(value);
}

/** Everything known of a run at a glance, as Markdown. */
export function runTooltip(run: RunEntry): string {
  const { manifest, digest } = run;
  const figure = finalFigure(digest);
  const { dense } = digest.figures;
  const lines = [
    `**${markdownText(manifest.name)}** — ${stateText(run.state)}`,
    digest.message === null ? '' : markdownText(digest.message),
    run.state === 'interrupted'
      ? vscode.l10n.t('Its engine ended without a word. Nothing is lost: choose Resume.')
      : '',
    fact(vscode.l10n.t('Model'), modelName(run)),
    fact(vscode.l10n.t('Kept'), kindOf(run)),
    digest.best === null ? '' : fact(vscode.l10n.t('Best in search'), formatFitness(digest.best)),
    figure === null
      ? ''
      : fact(
          vscode.l10n.t('Perplexity'),
          joined(
            formatFitness(figure.perplexity),
            dense !== undefined && vscode.l10n.t('dense {0}', formatFitness(dense.perplexity)),
          ),
        ),
    figure === null
      ? ''
      : fact(vscode.l10n.t('Size'), `${formatCount(figure.params)}, ${formatBytes(figure.bytes)}`),
    digest.etaMs === null || run.state !== 'running'
      ? ''
      : fact(vscode.l10n.t('Left in this stage'), formatDuration(digest.etaMs)),
    fact(vscode.l10n.t('Started'), formatTime(manifest.createdMs)),
    fact(vscode.l10n.t('Folder'), vscode.workspace.asRelativePath(run.folder)),
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

function fact(name: string, value: string): string {
  return value === '' ? '' : `${name}: ${markdownText(value)}`;
}
