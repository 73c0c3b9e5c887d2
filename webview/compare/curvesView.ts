import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { createCurvesChart, curvesLegend, type CurvesChart } from '../charts/curvesChart.ts';
import { createPlotFrame } from '../charts/plotFrame.ts';
import { createCheckbox } from '../controls/checkbox.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { FitnessSeries } from '../data/fitnessSeries.ts';
import { el, onChange } from '../dom.ts';
import { formatCount, formatScore, UNKNOWN } from '../format.ts';
import { xAxes, type XAxis } from '../selection.ts';
import { createTable } from '../table/table.ts';
import type { Theme } from '../theme.ts';
import { fitnessName } from '../views/fitnessName.ts';
import type { Page, View } from '../views/view.ts';
import { comparedRuns } from './comparedRuns.ts';

interface Curve {
  readonly name: string;
  readonly series: FitnessSeries;
}

/** The best so far of each run, on the same axes. */
export function createCurvesView(page: Page): View {
  const all = new Map<string, FitnessSeries>();
  const axis = createDropdown({
    ...{ label: 'Horizontal axis', showLabel: false },
    choices: xAxes.map(
      (name) => [name, `By ${name === 'time' ? name : name.slice(0, -1)}`] as const,
    ),
    onChoose: (value) => {
      page.choose({ xAxis: value as XAxis });
    },
  });
  const logarithmic = createCheckbox('Log axis', (checked) => {
    page.choose({ logarithmic: checked });
  });
  const table = createTable<Curve>({
    ...{ label: 'How each search went', page: 20, sorting: null },
    key: ({ name }) => name,
    columns: [
      { id: 'name', title: 'Run', figures: false, value: (c) => c.name, cell: (c) => c.name },
      {
        ...{ id: 'count', title: 'Evaluations', figures: true },
        value: ({ series }) => judgedOf(series),
        cell: ({ series }) => formatCount(judgedOf(series)),
      },
      {
        ...{ id: 'first', title: 'First', figures: true },
        value: ({ series }) => series.best[0]?.y ?? null,
        cell: ({ series }) => score(series.best[0]?.y),
      },
      {
        ...{ id: 'best', title: 'Best', figures: true },
        value: ({ series }) => series.best.at(-1)?.y ?? null,
        cell: ({ series }) => score(series.best.at(-1)?.y),
      },
    ],
  });
  const plot = createPlotFrame({
    title: 'Search progress',
    controls: [logarithmic.element, axis.element],
    hint: 'Each line is the best subnet found so far.',
    onTable: (shown) => {
      page.choose({ fitnessTable: shown });
    },
    table: el('div', { class: 'twin' }, table.element),
  });
  plot.element.classList.add('fitness');
  let chart: CurvesChart | undefined;
  let runs: readonly RunSnapshot[] = [];

  const draw = onChange(
    (theme: Theme, xAxis: XAxis, log: boolean, asTable: boolean, ...models: unknown[]) => {
      void models;
      const curves = runs.map((run, at) => {
        const key = `${at} ${run.head.id}`;
        const series = all.get(key) ?? new FitnessSeries();
        all.set(key, series);
        series.update(run.model, xAxis);
        return { name: run.head.name, series };
      });
      const empty = curves.every(({ series }) => series.xs.length === 0);
      plot.empty(empty ? 'None of these runs has judged a subnet yet.' : null);
      if (empty) return;
      if (asTable) return table.update(curves);
      const fitness = [...new Set(runs.map(fitnessName))].join(' / ');
      chart ??= createCurvesChart(plot.canvas);
      chart.draw({ runs: curves, axis: xAxis, logarithmic: log, fitness, theme });
      plot.legend(
        curvesLegend(
          curves.map(({ name }) => name),
          theme,
        ),
      );
      plot.describe(
        curves
          .map(
            ({ name, series }) =>
              `${name}: best ${score(series.best.at(-1)?.y)} after ${judgedOf(series)} evaluations`,
          )
          .join('; '),
      );
      plot.note(fitness.includes('/') ? 'These runs judge by different figures.' : '');
    },
  );
  return {
    element: plot.element,
    update(state) {
      runs = comparedRuns(state);
      const { xAxis, logarithmic: log, fitnessTable } = state.selection;
      axis.set(xAxis);
      logarithmic.set(log);
      plot.showTable(fitnessTable);
      draw(page.theme(), xAxis, log, fitnessTable, ...runs.map(({ model }) => model));
    },
    dispose() {
      chart?.dispose();
    },
  };
}

/** Subnets that a search has judged, those that are not drawn too. */
function judgedOf({ candidates }: FitnessSeries): number {
  return candidates.at(-1)?.place ?? 0;
}

function score(value: number | undefined): string {
  return value === undefined ? UNKNOWN : formatScore(value);
}
