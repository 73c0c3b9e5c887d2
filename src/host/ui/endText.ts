import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { acceptsValue } from '../../protocol/acceptsValue.ts';
import type { ReformVerdict } from '../../protocol/reformVerdict.ts';
import {
  exportReportSchema,
  subnetReportSchema,
  type ExportReport,
  type Figure,
} from '../../protocol/runRecord.ts';
import type { Job } from '../../protocol/serviceApi.ts';
import { bytesText } from '../../protocol/sizeText.ts';
import { finalFigure } from '../runs/runDigest.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import { isRunJob } from '../service/serviceHandle.ts';
import { formText } from '../trees/runNodes.ts';
import { bestText, perplexityText } from '../trees/runLook.ts';
import { formatDuration, formatFitness, joined } from './format.ts';

/** What is said when a job has finished. */
export interface EndText {
  readonly text: string;
  /** Path of a subnet config that it has written; null for none. */
  readonly exported: string | null;
}

/**
 * The result of a finished job, e.g. `"tiny" has finished in 2 min: perplexity 2.94 (dense 2.93) ·
 * 2.94 MB (dense 3.75 MB).`
 * @param run  the run it has worked on, read again
 */
export function endText(job: Job, run: RunEntry | undefined): EndText {
  const { t } = vscode.l10n;
  const time = durationOf(job);
  const ended =
    time === ''
      ? t('"{0}" has finished', job.title)
      : t('"{0}" has finished in {1}', job.title, time);
  const facts = isRunJob(job) ? runFacts(run) : workFacts(job, run);
  const exports = isRunJob(job) ? (run?.digest.exports ?? []) : exportsOf(job);
  const exported = exports.find(({ form }) => form === 'subnet')?.path ?? null;
  return { text: facts === '' ? `${ended}.` : `${ended}: ${facts}.`, exported };
}

/** True when a job has written files that can be loaded. */
export function hasExported(job: Job): boolean {
  return exportsOf(job).length > 0;
}

function runFacts(run: RunEntry | undefined): string {
  if (run === undefined) return '';
  const figure = finalFigure(run.digest);
  const { reform } = run.digest.reforms;
  return joined(
    figure === null ? bestText(run) : figureFacts(figure, run),
    reform !== undefined && rejectedText(reform),
  );
}

function workFacts(job: Job, run: RunEntry | undefined): string {
  const { t } = vscode.l10n;
  const figure = figureOf(job);
  const files = exportsOf(job);
  const written = files
    .filter(({ form }) => form !== 'subnet')
    .map(({ form, bytes }) => `${formText(form)} ${bytesText(bytes)}`);
  const [config] = files.filter(({ form }) => form === 'subnet');
  const verdict = verdictOf(job);
  return joined(
    figure !== null && figureFacts(figure, run),
    verdict !== undefined && rejectedText(verdict),
    written.join(', '),
    config !== undefined &&
      t('written to {0}', vscode.workspace.asRelativePath(dirname(config.path))),
  );
}

function figureFacts({ perplexity, bytes }: Figure, run: RunEntry | undefined): string {
  const { t } = vscode.l10n;
  const dense = run?.digest.figures.dense;
  if (dense === undefined) return joined(perplexityText(perplexity), bytesText(bytes));
  return joined(
    t('{0} (dense {1})', perplexityText(perplexity), formatFitness(dense.perplexity)),
    t('{0} (dense {1})', bytesText(bytes), bytesText(dense.bytes)),
  );
}

/** The figure of work on one subnet; the service sends plain data, which is checked here. */
function figureOf({ work, result }: Job): Figure | null {
  if (work.kind !== 'subnet' || !acceptsValue(subnetReportSchema, result)) return null;
  if (!work.request.evaluate) return null;
  const isReformed = work.request.reform && result.verdict?.step !== 0;
  return isReformed ? result.reformed : result.figure;
}

/** What became of the reform that was asked for. */
function verdictOf({ work, result }: Job): ReformVerdict | undefined {
  if (work.kind !== 'subnet' || !work.request.reform) return undefined;
  return acceptsValue(subnetReportSchema, result) ? result.verdict : undefined;
}

function rejectedText({ step }: ReformVerdict): string | false {
  return step === 0 && vscode.l10n.t('the reform brought no certain gain and was not kept');
}

function exportsOf({ work, result }: Job): readonly ExportReport[] {
  if (work.kind === 'export' && Array.isArray(result)) {
    return result.filter((one: unknown) => acceptsValue(exportReportSchema, one));
  }
  const wrote = work.kind === 'subnet' && work.request.forms.length > 0;
  return wrote && acceptsValue(subnetReportSchema, result) ? result.exports : [];
}

function durationOf({ startedMs, endedMs }: Job): string {
  return startedMs === null || endedMs === null ? '' : formatDuration(endedMs - startedMs);
}
