import type { Figures } from '../protocol/runRecord.ts';
import { figureNames, type FigureName } from '../protocol/runWords.ts';
import { formatTable, type Column } from './table.ts';
import { formatBytes, formatCount, formatFitness, formatMs, formatShare } from './units.ts';

const columns: readonly Column[] = [
  { title: 'model', align: 'left' },
  ...['params', '', 'blocks', '', 'ppl', 'disk', 'prefill', 'decode'].map(
    (title) => ({ title, align: 'right' }) as const,
  ),
];

/** What the rows of the table are called. */
const titles: Readonly<Record<FigureName, string>> = {
  dense: 'dense',
  random: 'random',
  initialised: 'initialised',
  searched: 'searched',
  reformed: 'reformed',
  sparse: 'sparse',
  quantised: 'quantised',
};

/**
 * The table of a run: one row per model, sizes also as a share of the dense model. At most 80
 * characters wide.
 */
export function figuresTable(figures: Figures, unicode: boolean): string {
  const { dense } = figures;
  const rows = figureNames.flatMap((name) => {
    const figure = figures[name];
    if (figure === null) return [];
    return [
      [
        titles[name],
        formatCount(figure.params),
        formatShare(figure.params, dense?.params ?? 0),
        formatCount(figure.blockParams),
        formatShare(figure.blockParams, dense?.blockParams ?? 0),
        formatFitness(figure.perplexity),
        formatBytes(figure.bytes),
        formatMs(figure.prefillMs),
        formatMs(figure.decodeMs),
      ],
    ];
  });
  return formatTable(columns, rows, unicode);
}
