import type { Candidate } from '../../src/dashboard/model/runModel.ts';
import type { FitnessChart } from '../charts/fitnessChart.ts';
import type { HoverCard } from '../charts/hoverCard.ts';
import { listenForPoints } from '../charts/pointInput.ts';
import type { FitnessSeries } from '../data/fitnessSeries.ts';
import { originTitles } from '../../src/protocol/runWords.ts';
import { lowerFirst } from './fitnessName.ts';
import { formatLarge, formatScore, formatSpan, shortKey } from '../format.ts';

/** What finding candidates needs. */
export interface CandidateInput {
  readonly frame: HTMLElement;
  readonly chart: FitnessChart;
  readonly series: FitnessSeries;
  readonly card: HoverCard;
  /** Name of what subnets are judged by. */
  readonly figure: () => string;
  readonly say: (text: string) => void;
  readonly onSelect: (index: number) => void;
}

/**
 * Shows the figures of the candidate under the pointer, or under the cursor that the arrow keys move:
 * left and right to the next one, up and down from improvement to improvement.
 * @returns a function that stops that
 */
export function listenForCandidates(input: CandidateInput): () => void {
  const { frame, chart, series, card, onSelect } = input;
  return listenForPoints({
    ...{ frame, onSelect },
    under: (place) => series.nearest((index) => chart.placeOf(index), place, 14),
    show: (index) => {
      const place = chart.placeOf(index);
      const candidate = series.candidates[index];
      if (place === null || candidate === undefined) return card.hide();
      const content = {
        title: titleOf(candidate),
        lines: linesOf(candidate, series, input.figure()),
      };
      card.showAt(place.x, place.y, content);
    },
    say: (index) => {
      const candidate = series.candidates[index];
      if (candidate !== undefined) input.say(spokenPoint(candidate, input.figure()));
    },
    after: (key, at) => {
      const last = series.xs.length - 1;
      const steps: Record<string, number> = {
        ArrowRight: Math.min(last, at + 1),
        ArrowLeft: at < 0 ? last : Math.max(0, at - 1),
        ArrowDown:
          series.improvements.find((index) => index > at) ?? series.improvements.at(-1) ?? 0,
        ArrowUp: [...series.improvements].reverse().find((index) => index < at) ?? 0,
        Home: 0,
        End: last,
      };
      return steps[key];
    },
  });
}

function titleOf(candidate: Candidate): string {
  return `${originTitles[candidate.how]} ${shortKey(candidate.key)}`;
}

function linesOf(
  candidate: Candidate,
  series: FitnessSeries,
  figure: string,
): readonly (readonly [string, string])[] {
  const { generation, child, fitness, params, parents, timeMs } = candidate;
  const begun = series.candidates[0]?.timeMs ?? timeMs;
  return [
    [figure, formatScore(fitness)],
    ['Generation', `${generation}, child ${child}`],
    ['Block parameters', formatLarge(params)],
    ...(parents.length > 0
      ? [[parents.length > 1 ? 'Parents' : 'Parent', parents.map(shortKey).join(' × ')] as const]
      : []),
    ['After', formatSpan(timeMs - begun)],
  ];
}

/** What a screen reader is told of a candidate. */
export function spokenPoint(candidate: Candidate, figure: string): string {
  return `${titleOf(candidate)}: ${lowerFirst(figure)} ${formatScore(candidate.fitness)}, generation ${candidate.generation}.`;
}
