import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { createFitnessChart, fitnessLegend, type FitnessChart } from '../charts/fitnessChart.ts';
import { createHoverCard } from '../charts/hoverCard.ts';
import { createPlotFrame } from '../charts/plotFrame.ts';
import { listenForZoom } from '../charts/zoomInput.ts';
import { within } from '../charts/zoomPlane.ts';
import { createButton } from '../controls/button.ts';
import { createCheckbox } from '../controls/checkbox.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { FitnessSeries, type Point } from '../data/fitnessSeries.ts';
import { el, onChange } from '../dom.ts';
import { formatCount, formatScore, formatSpan } from '../format.ts';
import { xAxes, type XAxis } from '../selection.ts';
import { firstRun, type State } from '../store.ts';
import { createTable } from '../table/table.ts';
import type { Theme } from '../theme.ts';
import { fitnessName } from './fitnessName.ts';
import { listenForCandidates, spokenPoint } from './fitnessPoints.ts';
import type { Page, View } from './view.ts';

const HINT = 'Drag a box to zoom, double-click for all. Arrow keys walk, + and − zoom.';

/** Every subnet of the search over time. */
export function createFitnessView(page: Page): View {
  const series = new FitnessSeries();
  const axis = createDropdown({
    label: 'Horizontal axis',
    showLabel: false,
    choices: xAxes.map((name) => [name, xAxisChoice[name]] as const),
    onChoose: (value) => {
      page.choose({ xAxis: value as XAxis, zoom: null });
    },
  });
  const logarithmic = createCheckbox('Log axis', (checked) => {
    page.choose({ logarithmic: checked, zoom: null });
  });
  const reset = createButton({
    label: 'Show everything',
    icon: 'screen-full',
    look: 'icon',
    onPress: () => {
      page.choose({ zoom: null });
    },
  });
  const table = createTwin();
  const plot = createPlotFrame({
    title: 'Search progress',
    controls: [logarithmic.element, axis.element, reset.element],
    hint: HINT,
    onTable: (shown) => {
      page.choose({ fitnessTable: shown });
    },
    table: table.element,
  });
  plot.element.classList.add('fitness');
  const card = createHoverCard(plot.frame);
  let chart: FitnessChart | undefined;
  let stops: (() => void)[] = [];
  let shownState: State | undefined;
  let figureName = '';

  function begin(): FitnessChart {
    const made = createFitnessChart(plot.canvas);
    const kind = (): { xLogarithmic: boolean; yLogarithmic: boolean } => ({
      xLogarithmic: false,
      yLogarithmic: shownState?.selection.logarithmic === true,
    });
    const onZoom = (part: Parameters<typeof within>[0] | null): void => {
      card.hide();
      page.choose({ zoom: part === null ? null : within(part, made.whole()) });
    };
    // Zooming by keys keeps in sight what counts: the best subnet.
    const anchor = (): Point | null => made.placeOf(series.improvements.at(-1) ?? -1);
    stops = [
      listenForZoom({ frame: plot.frame, chart: made.chart, kind, anchor, onZoom }),
      listenForCandidates({
        ...{ frame: plot.frame, chart: made, series, card },
        figure: () => figureName,
        say: (text) => {
          page.announce(text);
        },
        onSelect: (index) => {
          const candidate = series.candidates[index];
          if (candidate === undefined) return;
          page.choose({ subnet: candidate.key });
          page.announce(`Selected ${spokenPoint(candidate, figureName)}`);
        },
      }),
    ];
    return made;
  }

  const draw = onChange(
    (model: RunSnapshot['model'], selection: State['selection'], theme: Theme, fitness: string) => {
      const change = series.update(model, selection.xAxis);
      const empty = series.xs.length === 0;
      plot.empty(empty ? EMPTY : null);
      if (empty) return;
      const indexOf = (key: string | null): number =>
        key === null ? -1 : series.candidates.findIndex((candidate) => candidate.key === key);
      if (selection.fitnessTable) return table.update(model);
      chart ??= begin();
      chart.draw({
        ...{ series, change, axis: selection.xAxis, logarithmic: selection.logarithmic },
        ...{ zoom: selection.zoom, fitness, theme, dense: model.denseFitness },
        selected: indexOf(selection.subnet),
        compared: indexOf(selection.compared),
      });
      plot.describe(summaryOf(model, series, fitness));
      plot.note(notesOf(model, chart));
    },
  );
  const drawLegend = onChange((theme: Theme, kinds: string, dense: boolean) => {
    if (kinds !== '') plot.legend(fitnessLegend(theme, series, dense));
  });

  return {
    element: plot.element,
    update(state) {
      const run = firstRun(state);
      if (run === undefined) return;
      shownState = state;
      figureName = fitnessName(run);
      const { selection } = state;
      axis.set(selection.xAxis);
      logarithmic.set(selection.logarithmic);
      reset.enable(selection.zoom !== null, 'Everything is shown');
      plot.showTable(selection.fitnessTable);
      draw(run.model, selection, page.theme(), figureName);
      const kinds = [...new Set(series.candidates.map(({ how }) => how))].join();
      drawLegend(page.theme(), kinds, chart?.showsDense === true);
    },
    dispose() {
      for (const stop of stops) stop();
      chart?.dispose();
    },
  };
}

const xAxisChoice: Readonly<Record<XAxis, string>> = {
  evaluations: 'By evaluation',
  generations: 'By generation',
  time: 'By time',
};

const EMPTY =
  'Each subnet that the search evaluates is shown here as a point; lower is better. A line shows the best so far.';

function summaryOf(model: RunSnapshot['model'], series: FitnessSeries, fitness: string): string {
  const best = series.best.at(-1);
  const first = series.best[0];
  const count = countWords(model);
  if (best === undefined || first === undefined) return `${count} without a figure.`;
  const last = series.candidates[series.improvements.at(-1) ?? 0]?.place ?? 1;
  return `${fitness} of ${count} in ${model.generations.length} generations. The best fell from ${formatScore(first.y)} to ${formatScore(best.y)}; the last improvement was subnet ${formatCount(last)}.${denseWords(model)}`;
}

function countWords({ judged, candidates }: RunSnapshot['model']): string {
  const shown = candidates.length < judged ? ` (${formatCount(candidates.length)} shown)` : '';
  return `${formatCount(judged)} subnets${shown}`;
}

/** What the axis does not reach, and what is left out. */
function notesOf(model: RunSnapshot['model'], { beyond, showsDense }: FitnessChart): string {
  const { denseFitness: dense, judged, candidates } = model;
  const left =
    candidates.length < judged
      ? `Of ${formatCount(judged)} subnets, the best and some of the others are shown.`
      : '';
  const above = `${formatCount(beyond)} worse than the axis reaches, at its edge.`;
  const below = dense === null ? '' : `The dense model, ${formatScore(dense)}, is below the axis.`;
  const notes = [left, beyond === 0 ? '' : above, showsDense ? '' : below];
  return notes.filter((note) => note !== '').join(' ');
}

function denseWords({ denseFitness }: RunSnapshot['model']): string {
  return denseFitness === null ? '' : ` The dense model has ${formatScore(denseFitness)}.`;
}

function createTwin(): {
  readonly element: HTMLElement;
  update(model: RunSnapshot['model']): void;
} {
  const table = createTable<RunSnapshot['model']['generations'][number]>({
    label: 'Figures of each generation',
    key: ({ generation }) => String(generation),
    sorting: null,
    page: 50,
    columns: [
      {
        id: 'generation',
        title: 'Generation',
        figures: true,
        value: (g) => g.generation,
        cell: (g) => String(g.generation),
      },
      {
        id: 'best',
        title: 'Best',
        figures: true,
        value: (g) => g.best,
        cell: (g) => formatScore(g.best),
      },
      {
        id: 'low',
        title: 'Lower quartile',
        figures: true,
        value: (g) => g.quartiles[0],
        cell: (g) => formatScore(g.quartiles[0]),
      },
      {
        id: 'median',
        title: 'Median',
        figures: true,
        value: (g) => g.median,
        cell: (g) => formatScore(g.median),
      },
      {
        id: 'high',
        title: 'Upper quartile',
        figures: true,
        value: (g) => g.quartiles[1],
        cell: (g) => formatScore(g.quartiles[1]),
      },
      { id: 'ms', title: 'Time', figures: true, value: (g) => g.ms, cell: (g) => formatSpan(g.ms) },
    ],
  });
  return {
    element: el('div', { class: 'twin' }, table.element),
    update(model) {
      table.update(model.generations);
    },
  };
}
