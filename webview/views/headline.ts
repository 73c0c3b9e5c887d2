import { perplexityValue } from '../../src/protocol/perplexity.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import { speedAgainstDense, type TimedStep } from '../../src/protocol/speedChange.ts';
import { outcomeOf } from '../data/quality.ts';
import { speedText } from '../data/speedText.ts';
import { figureTitles } from '../../src/protocol/runWords.ts';
import { SearchProgress } from '../data/searchProgress.ts';
import { el, setText, show } from '../dom.ts';
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
import { searchCounts, type SearchCounts } from '../../src/dashboard/model/searchCounts.ts';
import { planOf } from '../../src/dashboard/model/runPlan.ts';
import { fitnessName, lowerFirst } from './fitnessName.ts';

/** What one tile of the headline says. */
interface Tile {
  readonly label: string;
  readonly value: string;
  readonly change: string;
  /** Which model the figure is of; empty where the label says it. */
  readonly of: string;
  readonly below: string;
}

/**
 * Up to five figures of the run: while it searches, how the search goes; then the dense model beside what
 * the run made of it. A run without a search has none before its figures.
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
    const of = el('span', { class: 'tile-of' });
    const below = el('span');
    const from = el('span', { class: 'tile-from' }, of, below);
    const line = el('span', { class: 'tile-line' }, value, change);
    const element = el('div', { class: 'tile' }, label, el('dd', {}, line, from));
    return { element, label, value, change, of, below };
  });
  const element = el('dl', { class: 'headline' }, ...parts.map((part) => part.element));
  return {
    element,
    update(run) {
      const outcome = outcomeOf(run);
      progress.update(run.model.candidates);
      const { searches } = planOf(run.head.config);
      show(element, outcome !== null || searches);
      if (outcome === null && !searches) return;
      const tiles = outcome === null ? searchTiles(run, progress) : outcomeTiles(run, outcome);
      tiles.forEach((tile, at) => {
        const part = parts[at]!;
        setText(part.label, tile.label);
        setText(part.value, tile.value);
        setText(part.change, tile.change);
        setText(part.of, tile.of);
        setText(part.below, tile.below);
      });
    },
  };
}

const measures: readonly (readonly [
  label: string,
  of: (figure: Figure) => number,
  format: (value: number) => string,
  step?: TimedStep,
])[] = [
  ['Held-out perplexity', (figure) => perplexityValue(figure.perplexity), formatScore],
  ['Parameters', (figure) => figure.params, formatLarge],
  ['Size on disk', (figure) => figure.bytes, formatBytes],
  ['Prefill', (figure) => figure.prefillMs, formatMs, 'prefill'],
  ['Decoded token', (figure) => figure.decodeMs, formatMs, 'decode'],
];

function outcomeTiles(
  run: RunSnapshot,
  { name, figure }: NonNullable<ReturnType<typeof outcomeOf>>,
): readonly Tile[] {
  const { dense } = run.model.figures;
  return measures.map(([label, of, format, step]) => ({
    label,
    value: format(of(figure)),
    change: dense === undefined ? '' : changeText(of(dense), of(figure), step, figure),
    of: `${figureTitles[name].toLowerCase()}${dense === undefined ? '' : ', '}`,
    below: dense === undefined ? '' : `from ${format(of(dense))}`,
  }));
}

function changeText(
  from: number,
  to: number,
  step: TimedStep | undefined,
  { timing }: Figure,
): string {
  return step === undefined ? formatChange(from, to) : speedText(speedAgainstDense(step, timing));
}

function searchTiles(run: RunSnapshot, progress: SearchProgress): readonly Tile[] {
  const counts = searchCounts(run.model, run.head.config);
  const { best, first, since } = progress;
  const blocks = run.head.model?.blockParams ?? 0;
  const begun = best !== null;
  return [
    {
      label: `Best ${lowerFirst(fitnessName(run))}`,
      value: begun ? formatScore(best.fitness) : UNKNOWN,
      of: '',
      change: begun && first !== null ? formatChange(first, best.fitness) : '',
      below: bestWords(run, first),
    },
    {
      label: 'Subnets evaluated',
      value: formatCount(counts.judged),
      of: '',
      change: '',
      below: counts.planned === null ? 'so far' : `of at most ${formatCount(counts.planned)}`,
    },
    {
      label: 'Generation',
      value: counts.generation === null ? UNKNOWN : formatCount(counts.generation),
      of: '',
      change: '',
      below: generationWords(counts),
    },
    {
      label: 'Last improvement',
      value: begun ? formatCount(since) : UNKNOWN,
      of: '',
      change: begun ? (since === 1 ? 'evaluation ago' : 'evaluations ago') : '',
      below: begun ? `generation ${best.generation}` : 'none yet',
    },
    {
      label: 'Block parameters kept',
      value: keptShare(run, best?.params ?? null, blocks),
      of: '',
      change: '',
      below: begun ? `${formatLarge(best.params)} parameters` : 'asked for',
    },
  ];
}

function generationWords({ generation, generations }: SearchCounts): string {
  if (generation === null) return 'initial subnets first';
  return generations === null ? 'finished' : `of ${formatCount(generations)} finished`;
}

function bestWords({ model: { denseFitness } }: RunSnapshot, first: number | null): string {
  const dense = denseFitness === null ? '' : `dense ${formatScore(denseFitness)}`;
  if (first === null) return dense === '' ? 'not evaluated yet' : dense;
  return [`${formatScore(first)} at first`, ...(dense === '' ? [] : [dense])].join(', ');
}

function keptShare(run: RunSnapshot, params: number | null, blocks: number): string {
  if (params !== null && blocks > 0) return formatShare(params / blocks);
  return run.head.ratio === null ? UNKNOWN : formatShare(run.head.ratio);
}
