import { perplexityValue } from '../../src/protocol/perplexity.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import { figureWords, outcomeOf } from '../data/quality.ts';
import { SearchProgress } from '../data/searchProgress.ts';
import { el, setText } from '../dom.ts';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatLarge,
  formatMs,
  formatScore,
  formatShare,
  UNKNOWN,
} from '../format.ts';
import { fitnessName } from './fitnessName.ts';

/** What one tile of the headline says. */
interface Tile {
  readonly label: string;
  readonly value: string;
  readonly change: string;
  readonly below: string;
}

/**
 * Five figures of the run: while it searches, how the search goes; then the dense model beside what the
 * run made of it.
 */
export function createHeadline(): {
  readonly element: HTMLElement;
  update(run: RunSnapshot): void;
} {
  const progress = new SearchProgress();
  const parts = Array.from({ length: 5 }, () => {
    const label = el('dt');
    const value = el('span', { class: 'tile-value' });
    const change = el('span', { class: 'tile-change' });
    const below = el('span', { class: 'tile-from' });
    const line = el('span', { class: 'tile-line' }, value, change);
    const element = el('div', { class: 'tile' }, label, el('dd', {}, line, below));
    return { element, label, value, change, below };
  });
  return {
    element: el('dl', { class: 'headline' }, ...parts.map(({ element }) => element)),
    update(run) {
      const outcome = outcomeOf(run);
      progress.update(run.model.candidates);
      const tiles = outcome === null ? searchTiles(run, progress) : outcomeTiles(run, outcome);
      tiles.forEach((tile, at) => {
        const part = parts[at]!;
        setText(part.label, tile.label);
        setText(part.value, tile.value);
        setText(part.change, tile.change);
        setText(part.below, tile.below);
      });
    },
  };
}

const measures: readonly (readonly [
  label: string,
  of: (figure: Figure) => number,
  format: (value: number) => string,
])[] = [
  ['Held-out perplexity', (figure) => perplexityValue(figure.perplexity), formatScore],
  ['Parameters', (figure) => figure.params, formatLarge],
  ['Size on disk', (figure) => figure.bytes, formatBytes],
  ['Prefill', (figure) => figure.prefillMs, formatMs],
  ['Decoded token', (figure) => figure.decodeMs, formatMs],
];

function outcomeTiles(
  run: RunSnapshot,
  { name, figure }: NonNullable<ReturnType<typeof outcomeOf>>,
): readonly Tile[] {
  const { dense } = run.model.figures;
  return measures.map(([label, of, format]) => ({
    label,
    value: format(of(figure)),
    change: dense === undefined ? '' : formatChange(of(dense), of(figure)),
    below:
      dense === undefined
        ? figureWords[name].toLowerCase()
        : `${figureWords[name].toLowerCase()}, from ${format(of(dense))}`,
  }));
}

function searchTiles(run: RunSnapshot, progress: SearchProgress): readonly Tile[] {
  const { candidates, generations } = run.model;
  const { best, first, since } = progress;
  const search = run.model.stages.find(({ stage }) => stage === 'search');
  const planned = search !== undefined && search.total > 0 ? formatCount(search.total) : '';
  const blocks = run.head.model?.blockParams ?? 0;
  const begun = best !== null;
  return [
    {
      label: `Best ${lowerFirst(fitnessName(run))}`,
      value: begun ? formatScore(best.fitness) : UNKNOWN,
      change: begun && first !== null ? formatChange(first, best.fitness) : '',
      below:
        begun && first !== null ? `from ${formatScore(first)} at first` : 'the search finds it',
    },
    {
      label: 'Evaluated',
      value: formatCount(candidates.length),
      change: '',
      below: planned === '' ? 'subnets so far' : `of ${planned} planned`,
    },
    {
      label: 'Generations',
      value: formatCount(generations.length),
      change: '',
      below: 'finished',
    },
    {
      label: 'Last improvement',
      value: begun ? formatCount(since) : UNKNOWN,
      change: begun ? (since === 1 ? 'evaluation ago' : 'evaluations ago') : '',
      below: begun ? `generation ${best.generation}` : 'none yet',
    },
    {
      label: 'Kept of the blocks',
      value: keptShare(run, best?.params ?? null, blocks),
      change: '',
      below: begun ? `${formatLarge(best.params)} parameters` : 'asked for',
    },
  ];
}

function keptShare(run: RunSnapshot, params: number | null, blocks: number): string {
  if (params !== null && blocks > 0) return formatShare(params / blocks);
  return run.head.ratio === null ? UNKNOWN : formatShare(run.head.ratio);
}

function lowerFirst(text: string): string {
  return text.startsWith('KL') ? text : text.charAt(0).toLowerCase() + text.slice(1);
}
