import type { Figure, Figures } from '../protocol/runRecord.ts';
import { figureNames, type FigureName } from '../protocol/runWords.ts';
import {
  isDenseTiming,
  speedAgainstDense,
  type TimedStep,
  timedSteps,
} from '../protocol/speedChange.ts';
import { bytesText, countText } from '../protocol/sizeText.ts';
import { formatTable, type Column } from './table.ts';
import { formatFitness, formatMoment, formatMs, formatShare } from './units.ts';

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
 * The table of a run: one row per model, sizes also as a share of the dense model, and below it how
 * times were taken. At most 80 characters wide.
 */
export function figuresTable(figures: Figures, unicode: boolean): string {
  const { dense } = figures;
  const rows = figureNames.flatMap((name) => {
    const figure = figures[name];
    if (figure === null) return [];
    return [
      [
        titles[name],
        countText(figure.params),
        formatShare(figure.params, dense?.params ?? 0),
        countText(figure.blockParams),
        formatShare(figure.blockParams, dense?.blockParams ?? 0),
        formatFitness(figure.perplexity),
        bytesText(figure.bytes),
        timeText('prefill', figure),
        timeText('decode', figure),
      ],
    ];
  });
  return `${formatTable(columns, rows, unicode)}${timesNote(figures)}`;
}

/** A median, or that it cannot be told from the dense model's. */
function timeText(step: TimedStep, { prefillMs, decodeMs, timing }: Figure): string {
  const alike = speedAgainstDense(step, timing).kind === 'none' && !isDenseTiming(timing!);
  return alike ? AS_DENSE : formatMs(step === 'prefill' ? prefillMs : decodeMs);
}

const AS_DENSE = '= dense';

/** How the times were taken; empty where no row says. */
function timesNote(figures: Figures): string {
  const timed = figureNames.flatMap((name) => figures[name] ?? []).filter(({ timing }) => timing);
  const timing = timed[0]?.timing;
  if (timing === undefined) return '';
  const { device, threads, rounds, takenMs } = timing;
  const cores = threads === null ? '' : `, ${threads} thread${threads === 1 ? '' : 's'}`;
  const when = formatMoment(takenMs);
  const note = `Times: medians of ${rounds} rounds in turns, ${device}${cores}, ${when}.\n`;
  const alike = timed.some((figure) =>
    timedSteps.some((step) => timeText(step, figure) === AS_DENSE),
  );
  return alike ? `${note}${AS_DENSE}: no difference to the dense model was seen.\n` : note;
}
