import type { RunOutcome } from '../protocol/engineApi.ts';
import { type Loadable, loadsText } from '../protocol/loadsText.ts';
import type { ReformVerdicts } from '../protocol/reformVerdict.ts';
import { verdictText } from '../protocol/verdictText.ts';
import type { ExportReport, Figure, FigureName } from '../protocol/runRecord.ts';
import { bytesText } from '../protocol/sizeText.ts';
import { verifiedText } from '../dashboard/model/verifiedText.ts';
import { figuresTable } from './figuresTable.ts';
import { formatMs, formatPath } from './units.ts';
import { wrapped } from './wrapped.ts';

/** What `run --json` says of one model; what was not measured is null. */
export type FigureJson = {
  readonly [Name in keyof Figure]-?: Exclude<Figure[Name], undefined> | null;
};

/** The one line of `run --json`. */
export type RunJson = Readonly<Record<FigureName, FigureJson | null>> & {
  readonly runFolder: string;
  readonly exports: readonly ExportReport[];
  readonly reforms: ReformVerdicts;
};

/** A finished run as plain data, its fields in a fixed order. */
export function runJson({ figures, runFolder, exports, reforms }: RunOutcome): RunJson {
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
    reforms,
  };
}

/** A finished run for people: its table, its exports, its folder. */
export function runText(outcome: RunOutcome, unicode: boolean): string {
  const { figures, runFolder, exports, reforms } = outcome;
  const written = exports.map((report) => `${exportText(report)}\n`).join('');
  const rejected = (['reform', 'sparsify'] as const)
    .filter((stage) => reforms[stage]?.step === 0)
    .map((stage) => `${verdictText(stage, reforms[stage]!)}\n`)
    .join('');
  const table = figuresTable(figures, unicode);
  return `\n${table}${rejected}\n${written}run folder  ${formatPath(runFolder)}\n`;
}

/** Where the facts of an export begin. */
const INDENT = ' '.repeat(12);

/** Lines about something that was written. */
export function exportText({
  form,
  path,
  bytes,
  verified,
  loadable,
  prefillMs,
  decodeMs,
}: ExportReport): string {
  const checks = verified === null ? [] : verifiedText(verified);
  const speed =
    prefillMs === null || decodeMs === null
      ? ''
      : `, prefill ${formatMs(prefillMs)}, decode ${formatMs(decodeMs)}`;
  const loads = loadable === null ? [] : [readersText(form, loadable)];
  const facts = [`${bytesText(bytes)}${speed}`, ...checks, ...loads];
  const lines = facts.flatMap((fact) => wrapped(fact, INDENT));
  return [`${form.padEnd(10)}  ${formatPath(path)}`, ...lines].join('\n');
}

function readersText(form: ExportReport['form'], loadable: Loadable): string {
  if (form === 'compressed') return 'smaller on disk, no faster (its README says who reads it)';
  return loadable.transformers
    ? loadsText(loadable)
    : `${loadsText(loadable)} (its README says why)`;
}

function figureJson(figure: Figure | null): FigureJson | null {
  if (figure === null) return null;
  const { params, blockParams, perplexity, bytes, prefillMs, decodeMs, peakBytes } = figure;
  return {
    params,
    blockParams,
    perplexity,
    lossNats: figure.lossNats ?? null,
    bytes,
    prefillMs,
    decodeMs,
    peakBytes,
    timing: figure.timing ?? null,
    evaluatedOn: figure.evaluatedOn ?? null,
  };
}
