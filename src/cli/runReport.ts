import type { RunOutcome } from '../protocol/engineApi.ts';
import { type Loadable, loadsText } from '../protocol/loadsText.ts';
import type { ExportReport, Figure, FigureName } from '../protocol/runRecord.ts';
import { figuresTable } from './figuresTable.ts';
import { formatBytes, formatMs, formatPath } from './units.ts';

/** What `run --json` tells of one model. */
export type FigureJson = Omit<Figure, 'peakBytes'>;

/** The one line of `run --json`. */
export type RunJson = Readonly<Record<FigureName, FigureJson | null>> & {
  readonly runFolder: string;
  readonly exports: readonly ExportReport[];
};

/** A finished run as plain data, its fields in a fixed order. */
export function runJson({ figures, runFolder, exports }: RunOutcome): RunJson {
  return {
    dense: figureJson(figures.dense),
    initialised: figureJson(figures.initialised),
    searched: figureJson(figures.searched),
    reformed: figureJson(figures.reformed),
    sparse: figureJson(figures.sparse),
    quantised: figureJson(figures.quantised),
    random: figureJson(figures.random),
    runFolder,
    exports,
  };
}

/** A finished run for people: its table, its exports, its folder. */
export function runText({ figures, runFolder, exports }: RunOutcome, unicode: boolean): string {
  const written = exports.map((report) => `${exportText(report)}\n`).join('');
  return `\n${figuresTable(figures, unicode)}\n${written}run folder  ${formatPath(runFolder)}\n`;
}

/** One line about something that was written. */
export function exportText({
  form,
  path,
  bytes,
  verified,
  loadable,
  prefillMs,
  decodeMs,
}: ExportReport): string {
  const checks =
    verified === null
      ? ''
      : `, verified: logits within ${verified.maxDifference.toExponential(1)} on ${verified.tokens} tokens`;
  const speed =
    prefillMs === null || decodeMs === null
      ? ''
      : `, prefill ${formatMs(prefillMs)}, decode ${formatMs(decodeMs)}`;
  const loads = loadable === null ? '' : `\n            ${readersText(form, loadable)}`;
  return `${form.padEnd(10)}  ${formatPath(path)}\n            ${formatBytes(bytes)}${checks}${speed}${loads}`;
}

function readersText(form: ExportReport['form'], loadable: Loadable): string {
  if (form === 'compressed') return 'smaller on disk, no faster (its README says who reads it)';
  return loadable.transformers
    ? loadsText(loadable)
    : `${loadsText(loadable)} (its README says why)`;
}

function figureJson(figure: Figure | null): FigureJson | null {
  if (figure === null) return null;
  const { params, blockParams, perplexity, bytes, prefillMs, decodeMs } = figure;
  return { params, blockParams, perplexity, bytes, prefillMs, decodeMs };
}
