import type { ComparisonTable } from '../protocol/comparisonTable.ts';
import { onDevice } from '../protocol/deviceTitle.ts';
import { denseRow, onShiftedText } from '../dashboard/model/comparisonText.ts';
import { comparisonGrids, type ComparisonGrid } from './comparisonGrid.ts';
import { formatTable, type Column } from './table.ts';
import { formatFitness } from './units.ts';
import { WIDTH, wrapped } from './wrapped.ts';

/** What a grid is called. */
export const gridTitles: Readonly<Record<ComparisonGrid['scope'], string>> = {
  mlp: 'Zeros in the MLPs',
  all: 'Zeros in all linear maps of the blocks',
  structured: 'Units and blocks removed, by the share that is kept',
};

/**
 * A comparison for people: a table for each scope with methods down and patterns across, the best
 * figure of each column marked, and what was left out below. At most 80 characters wide.
 */
export function comparisonText(table: ComparisonTable, unicode: boolean): string {
  const { heldout, model, device } = table;
  const [windows, tokens] = [heldout.windows, heldout.tokens];
  const head = [
    `${model} ${onDevice(device)}`,
    `Perplexity on ${counted(windows, 'window')} of held-out text, ${tokens.toLocaleString('en')} tokens`,
  ];
  const dense = denseRow(table)?.perplexity;
  const grids = comparisonGrids(table);
  const shifted = onShiftedText(table);
  const parts = [
    ...grids.flatMap((grid) => partsOf(grid, gridTitles[grid.scope], dense, unicode)),
    ...comparisonGrids(shifted).flatMap((grid) => {
      const title = `${gridTitles[grid.scope]}, on the shifted text`;
      return partsOf(grid, title, denseRow(shifted)?.perplexity, unicode);
    }),
  ];
  const alone =
    grids.length === 0 && dense !== undefined ? [`dense ${formatFitness(dense)}\n`] : [];
  const legend = '* best of its column. kept: share of the prunable parameters that are not zero.';
  return [
    `${head.flatMap((line) => wrapped(line, '')).join('\n')}\n`,
    ...parts,
    ...alone,
    ...(grids.length === 0 ? [] : [`${legend}\n`]),
    ...leftOut(table),
    ...(table.notes ?? []).map((note) => `${wrapped(`Note: ${note}`, '').join('\n')}\n`),
  ].join('\n');
}

/** `62.5%`, or `59.8-60.0%` where rows differ. */
export function keptText([least, most]: readonly [number, number]): string {
  const [low, high] = [(100 * least).toFixed(1), (100 * most).toFixed(1)];
  return low === high ? `${high}%` : `${low}-${high}%`;
}

/** What was left out, one entry for each reason. */
export function leftOutReasons(
  table: ComparisonTable,
): { readonly rows: readonly string[]; readonly why: string }[] {
  const byReason = new Map<string, Map<string, string[]>>();
  for (const { method, pattern, scope, why } of table.leftOut) {
    const methods = byReason.get(why) ?? new Map<string, string[]>();
    const what = scope === 'structured' ? pattern : `${pattern} in ${scope}`;
    methods.set(method, [...(methods.get(method) ?? []), what]);
    byReason.set(why, methods);
  }
  return [...byReason].map(([why, methods]) => ({
    rows: [...methods].map(([method, what]) => `${method} (${what.join(', ')})`),
    why,
  }));
}

/** A grid, cut into as many tables as its columns need. */
function partsOf(
  grid: ComparisonGrid,
  name: string,
  dense: number | null | undefined,
  unicode: boolean,
): string[] {
  const names = ['dense', 'kept', ...grid.methods.map(({ method }) => method)];
  const first = Math.max('method'.length, ...names.map((name) => name.length));
  const columns = grid.patterns.map((title, i) => [
    title,
    ...(dense === undefined ? [] : [formatFitness(dense)]),
    ...grid.methods.map(({ cells }) => {
      const cell = cells[i];
      return cell === undefined
        ? '-'
        : `${formatFitness(cell.perplexity)}${cell.isBest ? '*' : ' '}`;
    }),
    keptText(grid.kept[i]!),
  ]);
  // Figures stand under each other, so what has no mark has a blank.
  const padded = columns.map((texts) =>
    texts.map((text) => (/[* ]$/.test(text) ? text : `${text} `)),
  );
  return chunks(padded, WIDTH - first).map((part, i) => {
    const rows = [
      ...(dense === undefined ? [] : ['dense']),
      ...grid.methods.map(({ method }) => method),
      'kept',
    ].map((name, row) => [name, ...part.map((texts) => texts[row + 1]!)]);
    const titles: Column[] = part.map(([title]) => ({ title: title!, align: 'right' }));
    const title = `${name}${i === 0 ? '' : ', continued'}`;
    return `${title}\n${formatTable([{ title: 'method', align: 'left' }, ...titles], rows, unicode)}`;
  });
}

/** Columns in groups that are no wider than `width` together. */
function chunks(columns: readonly string[][], width: number): string[][][] {
  const groups: string[][][] = [];
  let left = 0;
  for (const column of columns) {
    const needed = 2 + Math.max(...column.map((text) => text.length));
    if (groups.length === 0 || needed > left) {
      groups.push([]);
      left = width;
    }
    groups.at(-1)!.push(column);
    left -= needed;
  }
  return groups;
}

function leftOut(table: ComparisonTable): string[] {
  const reasons = leftOutReasons(table);
  if (reasons.length === 0) return [];
  const lines = reasons.flatMap(({ rows, why }) => [
    ...wrapped(rows.join('; '), '  '),
    ...wrapped(why, '    '),
  ]);
  return [`Left out\n${lines.join('\n')}\n`];
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
