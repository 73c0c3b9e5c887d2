import type { CompareRow } from '../../src/protocol/compareRow.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { perplexityValue } from '../../src/protocol/perplexity.ts';
import { createHoverCard } from '../charts/hoverCard.ts';
import { methodLegend } from '../charts/methodLooks.ts';
import { createMethodsChart, type MethodsChart } from '../charts/methodsChart.ts';
import { createPlotFrame } from '../charts/plotFrame.ts';
import { listenForPoints, nearestOf } from '../charts/pointInput.ts';
import { createToggleLegend } from '../charts/toggleLegend.ts';
import { listenForZoom } from '../charts/zoomInput.ts';
import { within } from '../charts/zoomPlane.ts';
import { createButton } from '../controls/button.ts';
import { createCheckbox } from '../controls/checkbox.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { denseRow, methodTitle, scopeTitles } from '../../src/dashboard/model/comparisonText.ts';
import {
  filteredRows,
  formatPerplexity,
  inOrder,
  methodScopes,
  patternsOf,
  type MethodScope,
} from '../data/methodRows.ts';
import { onChange } from '../dom.ts';
import { formatCount } from '../format.ts';
import type { Theme } from '../theme.ts';
import type { MethodsPage } from './methodsPage.ts';
import type { MethodsSelection, MethodsState, MethodsView } from './methodsState.ts';
import { afterKey } from './pointKeys.ts';
import { createRowsTable } from './rowsTable.ts';
import { figuresOf, spokenRow, titleOf } from './rowWords.ts';

const HINT = 'Drag a box to zoom, double-click for all. Arrow keys walk, + and − zoom.';
const EVERY = '';

/** Quality of every method against the share of parameters it keeps. */
export function createChartView(page: MethodsPage): MethodsView {
  const scope = createDropdown({
    ...{ label: 'What was pruned', showLabel: false },
    choices: [
      [EVERY, 'Everything'],
      ...methodScopes.map((name) => [name, scopeTitles[name]] as const),
    ],
    onChoose: (value) => {
      const chosen = value === EVERY ? null : (value as MethodScope);
      page.choose({ scope: chosen, pattern: null, zoom: null });
    },
  });
  const pattern = createDropdown({
    ...{ label: 'Pattern', showLabel: false, choices: [[EVERY, 'All patterns']] },
    onChoose: (value) => {
      page.choose({ pattern: value === EVERY ? null : value, zoom: null });
    },
  });
  const logarithmic = createCheckbox('Log axis', (checked) => {
    page.choose({ logarithmic: checked, zoom: null });
  });
  const reset = createButton({
    ...{ label: 'Show everything', icon: 'screen-full', look: 'icon' },
    onPress: () => {
      page.choose({ zoom: null });
    },
  });
  const table = createRowsTable();
  const plot = createPlotFrame({
    title: 'Perplexity by share of weights kept',
    controls: [logarithmic.element, scope.element, pattern.element, reset.element],
    hint: HINT,
    onTable: (shown) => {
      page.choose({ asTable: shown });
    },
    table: table.element,
  });
  plot.element.classList.add('methods-plot');
  let shown: MethodsState | undefined;
  const legend = createToggleLegend('Methods drawn', {
    onToggle: (id) => {
      const hidden = shown?.selection.hidden ?? [];
      const next = hidden.includes(id) ? hidden.filter((one) => one !== id) : [...hidden, id];
      page.choose({ hidden: next });
      page.announce(`${methodTitle(id)} ${hidden.includes(id) ? 'shown' : 'hidden'}`);
    },
    onPoint: (id) => {
      chart?.light(id);
    },
  });
  plot.frame.after(legend.element);
  const card = createHoverCard(plot.frame);
  let chart: MethodsChart | undefined;
  let rows: readonly CompareRow[] = [];
  let dense: CompareRow | undefined;

  function begin(): MethodsChart {
    const made = createMethodsChart(plot.canvas);
    const kind = (): { xLogarithmic: boolean; yLogarithmic: boolean } => ({
      xLogarithmic: false,
      yLogarithmic: shown?.selection.logarithmic === true,
    });
    listenForZoom({
      ...{ frame: plot.frame, chart: made.chart, kind },
      onZoom: (part) => {
        card.hide();
        page.choose({ zoom: part === null ? null : within(part, made.whole()) });
      },
    });
    listenForPoints({
      frame: plot.frame,
      under: (place) => nearestOf(rows.length, (index) => made.placeOf(index), place, 16),
      show: (index) => {
        const [place, row] = [made.placeOf(index), rows[index]];
        made.light(row?.method ?? null);
        if (place === null || row === undefined) return card.hide();
        card.showAt(place.x, place.y, { title: titleOf(row), lines: figuresOf(row, dense) });
      },
      say: (index) => {
        const row = rows[index];
        if (row !== undefined) page.announce(spokenRow(row, dense));
      },
      after: (key, at) => afterKey(key, at, made.series(), (index) => made.placeOf(index)),
      onSelect: () => undefined,
    });
    return made;
  }

  const draw = onChange(
    (content: ComparisonTable | null, selection: MethodsSelection, theme: Theme) => {
      const all = content === null ? [] : filteredRows(content, selection);
      dense = content === null ? undefined : denseRow(content);
      rows = all.filter(({ method }) => !selection.hidden.includes(method));
      plot.empty(content === null || all.length === 0 ? emptyWords(content, selection) : null);
      if (content === null || all.length === 0) return;
      if (selection.asTable) return table.update(all, dense);
      chart ??= begin();
      card.hide();
      const { logarithmic: log, zoom } = selection;
      chart.draw({ rows, logarithmic: log, zoom, theme, dense: dense ?? null });
      plot.describe(summaryOf(rows, dense));
      const { beyond } = chart;
      const above = `${formatCount(beyond)} ${beyond === 1 ? 'point is' : 'points are'} worse than the axis reaches: arrows at its upper edge.`;
      plot.note(beyond === 0 ? '' : above);
      const methods = inOrder(all.map(({ method }) => method));
      const entries = methodLegend([...(dense === undefined ? [] : ['dense']), ...methods], theme);
      legend.update(
        entries.map((entry) => ({ ...entry, canHide: entry.id !== 'dense' })),
        selection.hidden,
      );
    },
  );

  return {
    element: plot.element,
    update(state) {
      shown = state;
      const { selection, content } = state;
      const known = content?.table ?? null;
      const patterns = known === null ? [] : patternsOf(known, selection.scope);
      pattern.choices([[EVERY, 'All patterns'], ...patterns.map((one) => [one, one] as const)]);
      scope.set(selection.scope ?? EVERY);
      pattern.set(selection.pattern ?? EVERY);
      logarithmic.set(selection.logarithmic);
      reset.enable(selection.zoom !== null, 'Everything is shown');
      plot.showTable(selection.asTable);
      draw(known, selection, page.theme());
    },
  };
}

function emptyWords(content: ComparisonTable | null, { scope, pattern }: MethodsSelection): string {
  if (content !== null && (scope !== null || pattern !== null)) {
    return 'No row of this kind has been evaluated yet. Choose another above.';
  }
  return 'Each method is shown here as a point for each pattern and size. Lower is better; further left keeps less.';
}

function summaryOf(rows: readonly CompareRow[], dense: CompareRow | undefined): string {
  const best = [...rows].sort((a, b) => {
    const [left, right] = [perplexityValue(a.perplexity), perplexityValue(b.perplexity)];
    return left === right ? 0 : left - right;
  });
  const [first, last] = [best[0], best.at(-1)];
  const from =
    dense === undefined ? '' : ` The dense model has ${formatPerplexity(dense.perplexity)}.`;
  if (first === undefined || last === undefined) return `No method is drawn.${from}`;
  return `Held-out perplexity of ${formatCount(rows.length)} rows against the share they keep.${from} Least: ${spokenRow(first, dense)} Most: ${spokenRow(last, dense)}`;
}
