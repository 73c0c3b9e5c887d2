import type { Candidate } from '../../src/dashboard/model/runModel.ts';
import type { FitnessChart } from '../charts/fitnessChart.ts';
import type { HoverCard } from '../charts/hoverCard.ts';
import { placeOf } from '../charts/zoomInput.ts';
import type { FitnessSeries } from '../data/fitnessSeries.ts';
import { originWords } from '../data/lineage.ts';
import { formatLarge, formatScore, formatSpan, shortKey } from '../format.ts';

/** What finding points needs. */
export interface PointInput {
  readonly frame: HTMLElement;
  readonly chart: FitnessChart;
  readonly series: FitnessSeries;
  readonly card: HoverCard;
  readonly say: (text: string) => void;
  readonly onSelect: (index: number) => void;
}

/**
 * Shows the figures of the candidate under the pointer, or under the cursor that the arrow keys move;
 * a click or Enter selects it.
 * @returns a function that stops that
 */
export function listenForPoints({
  frame,
  chart,
  series,
  card,
  ...options
}: PointInput): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  let at = -1;
  let pressed = { x: 0, y: 0 };
  const showPoint = (index: number): void => {
    const place = chart.placeOf(index);
    const candidate = series.candidates[index];
    at = place === null ? -1 : index;
    if (place === null || candidate === undefined) return card.hide();
    card.showAt(place.x, place.y, { title: titleOf(candidate), lines: linesOf(candidate, series) });
  };
  const under = (event: MouseEvent): number =>
    series.nearest((index) => chart.placeOf(index), placeOf(frame, event), 14);
  frame.addEventListener(
    'pointermove',
    (event) => {
      if (event.buttons !== 0) return card.hide();
      showPoint(under(event));
    },
    { signal },
  );
  frame.addEventListener(
    'pointerdown',
    (event) => {
      pressed = { x: event.clientX, y: event.clientY };
    },
    { signal },
  );
  frame.addEventListener(
    'pointerleave',
    () => {
      card.hide();
    },
    { signal },
  );
  frame.addEventListener(
    'blur',
    () => {
      card.hide();
    },
    { signal },
  );
  frame.addEventListener(
    'click',
    (event) => {
      // A box that was dragged ends in a click as well.
      if (Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 5) return;
      const index = under(event);
      if (index >= 0) options.onSelect(index);
    },
    { signal },
  );
  frame.addEventListener(
    'keydown',
    (event) => {
      if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
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
      const to = steps[event.key];
      if (to !== undefined) {
        event.preventDefault();
        showPoint(to);
        at = to;
        const candidate = series.candidates[to];
        if (candidate !== undefined) options.say(spokenPoint(candidate));
      } else if ((event.key === 'Enter' || event.key === ' ') && at >= 0) {
        event.preventDefault();
        options.onSelect(at);
      }
    },
    { signal },
  );
  return () => {
    ended.abort();
  };
}

function titleOf(candidate: Candidate): string {
  return `${originWords[candidate.how]} ${shortKey(candidate.key)}`;
}

function linesOf(
  candidate: Candidate,
  series: FitnessSeries,
): readonly (readonly [string, string])[] {
  const { generation, child, fitness, params, parents, timeMs } = candidate;
  const begun = series.candidates[0]?.timeMs ?? timeMs;
  return [
    ['Fitness', formatScore(fitness)],
    ['Generation', `${generation}, child ${child}`],
    ['Block parameters', formatLarge(params)],
    ...(parents.length > 0
      ? [[parents.length > 1 ? 'Parents' : 'Parent', parents.map(shortKey).join(' × ')] as const]
      : []),
    ['After', formatSpan(timeMs - begun)],
  ];
}

/** What a screen reader is told of a candidate. */
export function spokenPoint(candidate: Candidate): string {
  return `${titleOf(candidate)}: fitness ${formatScore(candidate.fitness)}, generation ${candidate.generation}.`;
}
