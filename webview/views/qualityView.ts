import { perplexityValue } from '../../src/protocol/perplexity.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { createHoverCard } from '../charts/hoverCard.ts';
import { createPlotFrame } from '../charts/plotFrame.ts';
import { listenForPoints, nearestOf } from '../charts/pointInput.ts';
import { createQualityChart, sizeAxisWords, type QualityChart } from '../charts/qualityChart.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { paretoFront, qualityPoints, type QualityPoint } from '../data/quality.ts';
import { timeText } from '../data/speedText.ts';
import { el, onChange } from '../dom.ts';
import { formatBytes, formatLarge, formatMs, formatScore } from '../format.ts';
import { sizeAxes, type SizeAxis } from '../selection.ts';
import { firstRun } from '../store.ts';
import { createTable, type Column } from '../table/table.ts';
import type { Theme } from '../theme.ts';
import type { Page, View } from './view.ts';

/** Perplexity against size and time, of everything that was evaluated. */
export function createQualityView(page: Page): View {
  const axis = createDropdown({
    label: 'Horizontal axis',
    showLabel: false,
    choices: sizeAxes.map((name) => [name, sizeAxisWords[name]] as const),
    onChoose: (value) => {
      page.choose({ sizeAxis: value as SizeAxis });
    },
  });
  const table = createTable<QualityPoint>({
    ...{ label: 'Evaluated models', columns, page: 50, sorting: null },
    key: ({ kind, key, label }) => `${kind} ${key ?? ''} ${label}`,
  });
  const plot = createPlotFrame({
    title: 'Perplexity against size and time',
    controls: [axis.element],
    hint: 'Models on the line are not beaten in both. Arrow keys move, Enter selects.',
    onTable: (shown) => {
      page.choose({ qualityTable: shown });
    },
    table: el('div', { class: 'twin' }, table.element),
  });
  const card = createHoverCard(plot.frame);
  let points: readonly QualityPoint[] = [];
  let chart: QualityChart | undefined;
  let stop = (): void => undefined;

  const draw = onChange(
    (run: Drawn, sizeAxis: SizeAxis, asTable: boolean, selected: string | null, theme: Theme) => {
      points = qualityPoints(run.snapshot);
      plot.empty(points.length < 2 ? emptyWords : null);
      if (points.length < 2) return;
      if (asTable) return table.update(points);
      const front = paretoFront(points, sizeAxis);
      chart ??= begin();
      chart.draw({ points, front, axis: sizeAxis, selected, theme });
      plot.describe(summaryOf(points, front, sizeAxis));
      plot.note('');
    },
  );

  function begin(): QualityChart {
    const made = createQualityChart(plot.canvas);
    stop = listenForPoints({
      frame: plot.frame,
      under: (place) => nearestOf(points.length, (index) => made.placeOf(index), place, 16),
      show: (index) => {
        const [place, point] = [made.placeOf(index), points[index]];
        if (place === null || point === undefined) return card.hide();
        card.showAt(place.x, place.y, { title: point.label, lines: linesOf(point) });
      },
      say: (index) => {
        const point = points[index];
        if (point !== undefined) page.announce(spoken(point));
      },
      after: (key, at) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
        if (step === undefined || points.length === 0) return undefined;
        const from = at < 0 && step < 0 ? 0 : at;
        return (from + step + points.length) % points.length;
      },
      onSelect: (index) => {
        const key = points[index]?.key;
        if (typeof key === 'string') page.choose({ subnet: key });
      },
    });
    return made;
  }

  const drawn = new Map<unknown, Drawn>();
  return {
    element: plot.element,
    update(state) {
      const run = firstRun(state);
      if (run === undefined) return;
      const { sizeAxis, qualityTable, subnet } = state.selection;
      axis.set(sizeAxis);
      plot.showTable(qualityTable);
      draw(holderOf(drawn, run), sizeAxis, qualityTable, subnet, page.theme());
    },
    dispose() {
      stop();
      chart?.dispose();
    },
  };
}

/** A run whose measured figures are those drawn. */
interface Drawn {
  readonly snapshot: RunSnapshot;
}

/** The same holder while nothing that is drawn has changed. */
function holderOf(drawn: Map<unknown, Drawn>, run: RunSnapshot): Drawn {
  const { figures, subnets } = run.model;
  const key = JSON.stringify([figures, subnets, run.masks]);
  let holder = drawn.get(key);
  if (holder === undefined) {
    drawn.clear();
    drawn.set(key, (holder = { snapshot: run }));
  }
  return holder;
}

const emptyWords =
  'Models are shown here once they are evaluated: perplexity against size or time. Compare with the dense model, a random subnet and the initial one.';

function linesOf({ figure }: QualityPoint): readonly (readonly [string, string])[] {
  return [
    ['Held-out perplexity', formatScore(figure.perplexity)],
    ['Parameters', formatLarge(figure.params)],
    ['Size on disk', formatBytes(figure.bytes)],
    ['Prefill', timeText('prefill', figure)],
    ['Decoded token', timeText('decode', figure)],
  ];
}

function spoken(point: QualityPoint): string {
  const lines = linesOf(point).map(([label, value]) => `${label} ${value}`);
  return `${point.label}: ${lines.join(', ')}.`;
}

function summaryOf(
  points: readonly QualityPoint[],
  front: readonly QualityPoint[],
  axis: SizeAxis,
): string {
  const all = points.map((p) => `${p.label} ${formatScore(p.figure.perplexity)}`).join(', ');
  const names = front.map(({ label }) => label).join(', ');
  return `Held-out perplexity against ${sizeAxisWords[axis].toLowerCase()}: ${all}. Not beaten in both: ${names}.`;
}

const columns: readonly Column<QualityPoint>[] = [
  { id: 'label', title: 'Model', figures: false, value: (p) => p.label, cell: (p) => p.label },
  {
    ...{ id: 'perplexity', title: 'Held-out perplexity', figures: true },
    value: ({ figure }) => perplexityValue(figure.perplexity),
    cell: ({ figure }) => formatScore(figure.perplexity),
  },
  {
    ...{ id: 'params', title: 'Parameters', figures: true },
    value: ({ figure }) => figure.params,
    cell: ({ figure }) => formatLarge(figure.params),
  },
  {
    ...{ id: 'bytes', title: 'Size on disk', figures: true },
    value: ({ figure }) => figure.bytes,
    cell: ({ figure }) => formatBytes(figure.bytes),
  },
  {
    ...{ id: 'prefill', title: 'Prefill', figures: true },
    value: ({ figure }) => figure.prefillMs,
    cell: ({ figure }) => formatMs(figure.prefillMs),
  },
  {
    ...{ id: 'decode', title: 'Decoded token', figures: true },
    value: ({ figure }) => figure.decodeMs,
    cell: ({ figure }) => formatMs(figure.decodeMs),
  },
];
