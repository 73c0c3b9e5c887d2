import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { createButton } from '../controls/button.ts';
import {
  leftOutNotes,
  methodGrids,
  winsOf,
  type MethodGrid,
  type Wins,
} from '../data/methodGrid.ts';
import { denseRow, methodTitle, scopeTitles } from '../../src/dashboard/model/comparisonText.ts';
import { formatPerplexity, type MethodScope } from '../data/methodRows.ts';
import { el, onChange, setChildren, setText, show } from '../dom.ts';
import { createGridTable, type GridTable } from './gridTable.ts';
import type { MethodsPage } from './methodsPage.ts';
import type { MethodsView } from './methodsState.ts';
import { listenForReasons } from './reasonCard.ts';

/** A table of methods × patterns for each scope, with the best of each column marked. */
export function createTablesView(page: MethodsPage): MethodsView {
  const copy = createButton({
    ...{ label: 'Copy as Markdown', icon: 'copy', look: 'secondary' },
    onPress: () => {
      page.act('copyMarkdown');
    },
  });
  const save = createButton({
    ...{ label: 'Save as CSV', icon: 'save', look: 'secondary' },
    onPress: () => {
      page.act('saveCsv');
    },
  });
  const tables = el('div', { class: 'method-tables' });
  const notes = el('ul', { class: 'left-out-notes note' });
  const headline = el('p', { class: 'methods-headline' });
  const element = el(
    'section',
    { class: 'panel methods-tables', aria: { label: 'Perplexity by method and pattern' } },
    el(
      'div',
      { class: 'panel-head' },
      el('h2', { text: 'Perplexity by method and pattern' }),
      el('div', { class: 'tools' }, copy.element, save.element),
    ),
    headline,
    tables,
    notes,
    el(
      'p',
      { class: 'note honest' },
      'ONNX Runtime computes zeros like any number: sparse rows save space, not time. ',
      el('strong', { text: 'Ours' }),
      ' keeps the weights that DaSS keeps, or Wanda where the MLP has no gate, and gives them the values that best repair the dense model on the calibration text.',
    ),
  );
  listenForReasons(element);
  const made = new Map<string, Part>();
  const draw = onChange((table: ComparisonTable) => {
    const dense = denseRow(table);
    const grids = methodGrids(table);
    setText(headline, winsText(winsOf(grids)));
    const parts = grids.map((grid) => {
      // Another pattern is another column: that table is made anew.
      const key = [grid.scope, ...grid.patterns].join('\n');
      const part = made.get(key) ?? createPart(grid);
      made.set(key, part);
      part.table.update(grid, dense);
      const from = dense === undefined ? '' : `dense ${formatPerplexity(dense.perplexity)}`;
      setText(part.from, from);
      return part.element;
    });
    setChildren(tables, parts);
    const reasons = leftOutNotes(table);
    notes.replaceChildren(
      ...reasons.map(({ method, patterns, scopes, why }) =>
        el(
          'li',
          {},
          el('strong', { text: methodTitle(method) }),
          ` ${patterns.join(', ')}${inScopes(scopes)}: ${why}`,
        ),
      ),
    );
    show(notes, reasons.length > 0);
  });
  return {
    element,
    update({ content }) {
      const table = content?.table ?? null;
      const isEmpty = table === null || table.rows.length < 2;
      show(element, !isEmpty);
      if (!isEmpty) draw(table);
    },
  };
}

/** The best method over all columns, in a sentence. */
function winsText(wins: Wins | null): string {
  if (wins === null) return '';
  const names = wins.methods.map(methodTitle).join(' and ');
  const each = wins.methods.length > 1 ? ' each' : '';
  return `${names}: lowest perplexity in ${wins.wins} of ${wins.columns} columns${each}.`;
}

interface Part {
  readonly element: HTMLElement;
  readonly from: HTMLElement;
  readonly table: GridTable;
}

const explained: Readonly<Record<MethodScope, string>> = {
  mlp: 'zeros in the weights of the MLPs',
  all: 'zeros in all linear maps of the blocks',
  structured: 'units and whole blocks removed: smaller and faster',
};

function createPart(grid: MethodGrid): Part {
  const table = createGridTable(grid);
  const from = el('span', { class: 'quiet figures-inline' });
  const element = el(
    'div',
    { class: 'method-table' },
    el(
      'div',
      { class: 'method-table-head' },
      el('h3', { text: scopeTitles[grid.scope] }),
      el('span', { class: 'quiet', text: explained[grid.scope] }),
      from,
    ),
    table.element,
  );
  return { element, from, table };
}

function inScopes(scopes: readonly MethodScope[]): string {
  return scopes.includes('structured')
    ? ''
    : ` (${scopes.map((one) => scopeTitles[one]).join(', ')})`;
}
