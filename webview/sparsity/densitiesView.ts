import { methodTitle } from '../../src/dashboard/model/comparisonText.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { SparsityRecord } from '../../src/protocol/sparsityRecord.ts';
import { createButton } from '../controls/button.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { ramp, type RampName } from '../draw/ramps.ts';
import { percent, shareTicks } from '../draw/ticks.ts';
import { sparsifyOf } from '../data/sparseRun.ts';
import { el, onChange, setText, show } from '../dom.ts';
import { formatLarge } from '../format.ts';
import type { Loaded } from '../heatmap/answers.ts';
import { createLegendView } from '../heatmap/legendView.ts';
import { createReadout } from '../heatmap/readoutView.ts';
import { createSegmented } from '../heatmap/segmented.ts';
import type { Selection } from '../selection.ts';
import type { Page } from '../views/view.ts';
import type { Colouring, Densities, WeightCell } from './densities.ts';
import { createDensityGrid } from './densityGrid.ts';
import { createDensityTable, weightKey } from './densityTable.ts';
import { speedWords } from './speedWords.ts';

/** What is shown of all weights. */
export interface DensitiesScene {
  readonly run: RunSnapshot;
  readonly densities: Densities;
  readonly record: Loaded<SparsityRecord>;
  readonly selected: WeightCell | null;
  readonly theme: CanvasTheme;
  readonly palette: RampName;
  readonly selection: Selection;
}

/** How full each weight is, as a grid or a table. */
export interface DensitiesView {
  readonly element: HTMLElement;
  show(scene: DensitiesScene): void;
  dispose(): void;
}

const HINT = 'Hover a cell, or use the arrow keys. A click or Enter shows its weight.';

/** Makes it. */
export function createDensitiesView(page: Page, onRetry: () => void): DensitiesView {
  let asTable = false;
  const announce = (text: string): void => {
    page.announce(text);
  };
  const readout = createReadout(announce, HINT);
  const select = ({ block, map }: WeightCell): void => {
    page.choose({ sparseBlock: block, sparseMap: map });
    announce(`Selected ${map} of block ${block}`);
  };
  const grid = createDensityGrid({
    onText: (text, spoken) => {
      readout.show(text ?? HINT, spoken);
    },
    onSelect: select,
  });
  const table = createDensityTable(select);
  const colouring = createSegmented<Colouring>(
    'What the cells show',
    [
      { value: 'kept', label: 'Share kept' },
      { value: 'error', label: 'Error left' },
    ],
    (sparseColour) => {
      page.choose({ sparseColour });
    },
  );
  const toggle = createButton({
    ...{ label: 'Show as table', icon: 'table', look: 'icon' },
    onPress: () => {
      page.choose({ sparseTable: !asTable });
    },
  });
  const facts = el('p', { class: 'facts' });
  const speed = el('p', { class: 'note' });
  const legend = createLegendView();
  const foot = el('div', { class: 'heat-foot' }, legend.element, readout.element);
  const retry = el('button', { class: 'link', text: 'Try again', attributes: { type: 'button' } });
  retry.addEventListener('click', onRetry);
  const failure = el('p', { role: 'alert' });
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Share of weights kept' } },
    el(
      'div',
      { class: 'panel-head' },
      el('h2', { text: 'Where are the zeros?' }),
      el('div', { class: 'tools' }, colouring.element, toggle.element),
    ),
    facts,
    speed,
    failure,
    retry,
    grid.element,
    foot,
    table.element,
  );
  const drawLegend = onChange((by: Colouring, palette: RampName, theme: CanvasTheme) => {
    const title = by === 'kept' ? 'Share kept' : 'Error left by reforming';
    const colours = { table: ramp(palette), ticks: shareTicks(4), bound: 1, keys: [] };
    legend.show({ ...colours, title }, theme);
  });
  const drawGrid = onChange(
    (
      densities: Densities,
      by: Colouring,
      palette: RampName,
      theme: CanvasTheme,
      selected: WeightCell | null,
    ) => {
      grid.show({ densities, by, palette, theme, selected });
    },
  );
  const drawTable = onChange((densities: Densities, selected: WeightCell | null) => {
    const cells = densities.cells.filter((cell) => cell !== null);
    table.update(cells, selected === null ? null : weightKey(selected));
  });
  return {
    element,
    show({ run, densities, record, selected, theme, palette, selection }) {
      asTable = selection.sparseTable;
      const by = densities.hasErrors ? selection.sparseColour : 'kept';
      colouring.select(by);
      colouring.show(densities.hasErrors && !asTable);
      toggle.press(asTable);
      setText(facts, factsOf(run, densities));
      setText(speed, speedWords(run));
      setText(failure, record.failed ?? '');
      show(failure, record.failed !== null);
      show(retry, record.failed !== null);
      for (const node of [grid.element, foot]) show(node, !asTable);
      show(table.element, asTable);
      drawLegend(by, palette, theme);
      if (asTable) drawTable(densities, selected);
      else drawGrid(densities, by, palette, theme, selected);
    },
    dispose() {
      readout.dispose();
    },
  };
}

/** Ours takes the masks of DaSS only where it can: behind a gate, and with groups as DaSS has them. */
function titleOf(
  { method, groups }: ReturnType<typeof sparsifyOf>,
  maps: Densities['maps'],
): string {
  if (method !== 'ours') return methodTitle(method);
  const isDass = groups === 'auto' && maps.includes('gate');
  return `${isDass ? 'DaSS' : 'Wanda'} with reformed weights`;
}

function factsOf(run: RunSnapshot, { cells, maps }: Densities): string {
  const asked = sparsifyOf(run);
  const { pattern, scope } = asked;
  const isDone = run.hasSparsity;
  const there = cells.filter((cell) => cell !== null);
  const [kept, size] = there.reduce(([k, s], cell) => [k + cell.kept, s + cell.size], [0, 0]);
  return [
    titleOf(asked, maps),
    pattern,
    scope === 'all' ? 'all maps of a block' : 'the maps of the MLP',
    ...(size > 0
      ? [`${percent(kept / size)} of ${formatLarge(size)} weights kept${isDone ? '' : ' so far'}`]
      : []),
  ].join('  ·  ');
}
