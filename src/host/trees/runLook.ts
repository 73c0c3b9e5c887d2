import * as vscode from 'vscode';
import { bytesText, countText } from '../../protocol/sizeText.ts';
import {
  kindOf,
  modelName,
  plannedGenerations,
  type RunEntry,
  type ShownState,
} from '../runs/runEntry.ts';
import { finalFigure } from '../runs/runDigest.ts';
import { formatDuration, formatFitness, formatTime, joined } from '../ui/format.ts';
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

/** The row of a run: progress, perplexity, kept share, size on disk, model. */
export function runLook(run: RunEntry): RowLook {
  const description = joined(
    run.queuePlace !== null && vscode.l10n.t('place {0} in the queue', run.queuePlace),
    progressText(run),
    bestText(run),
    kindOf(run),
    sizeText(run),
    modelName(run),
    busyText(run),
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

/** `generation 12 of 30`, or the stage and how much of it is done; empty for a finished run. */
export function progressText(run: RunEntry): string {
  const { stage, fraction } = run.digest;
  if (run.state === 'finished') return '';
  if (stage === 'search' || run.state !== 'running') {
    const generations = generationText(run);
    if (generations !== '') return generations;
  }
  if (run.state !== 'running' || stage === null) return '';
  const percent = fraction === null ? '' : `${Math.floor(100 * fraction)}%`;
  return [stage, percent].filter((part) => part !== '').join(' ');
}

/** `generation 12 of 30`, counted without the first population, as configs do; empty before it. */
export function generationText(run: RunEntry): string {
  const { generation } = run.digest;
  if (generation === null) return '';
  const planned = plannedGenerations(run);
  return planned === null
    ? vscode.l10n.t('generation {0}', generation)
    : vscode.l10n.t('generation {0} of {1}', generation, planned);
}

/** Perplexity: held-out when the run has come so far, else the best of its search. */
export function bestText({ digest }: RunEntry): string {
  const figure = finalFigure(digest);
  if (figure !== null) return perplexityText(figure.perplexity);
  if (digest.best === null) return '';
  return vscode.l10n.t('search perplexity {0}', formatFitness(digest.best));
}

/** `perplexity 8.41`; null: infinite */
export function perplexityText(perplexity: number | null): string {
  return vscode.l10n.t('perplexity {0}', formatFitness(perplexity));
}

/** `Evaluate subnet a1b2c3 of tiny 45%`; empty while no job works on a subnet of the run. */
export function busyText({ busyWith, busyFraction }: RunEntry): string {
  if (busyWith === null) return '';
  return busyFraction === null ? busyWith : `${busyWith} ${Math.floor(100 * busyFraction)}%`;
}

/** Bytes of the weights that the run ends with; empty before they are known. */
function sizeText({ digest }: RunEntry): string {
  const bytes = finalFigure(digest)?.bytes ?? 0;
  return bytes === 0 ? '' : bytesText(bytes);
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
      ? vscode.l10n.t('Its engine process ended unexpectedly. Nothing is lost: choose Resume.')
      : '',
    fact(vscode.l10n.t('Model'), modelName(run)),
    fact(vscode.l10n.t('Kind'), kindOf(run)),
    fact(vscode.l10n.t('Search'), generationText(run)),
    digest.best === null
      ? ''
      : fact(vscode.l10n.t('Search perplexity'), formatFitness(digest.best)),
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
      : fact(vscode.l10n.t('Size'), `${countText(figure.params)}, ${bytesText(figure.bytes)}`),
    run.state === 'running' && digest.startedMs !== null && digest.lastMs !== null
      ? fact(vscode.l10n.t('Elapsed'), formatDuration(digest.lastMs - digest.startedMs))
      : '',
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
