import { dirname, join, resolve } from 'node:path';
import type { CompareRequest } from '../../protocol/compareRow.ts';
import type { ComparisonTable } from '../../protocol/comparisonTable.ts';
import type { EngineContext } from '../../protocol/engineApi.ts';
import { EngineError, isEngineError } from '../../protocol/errors.ts';
import { parseRunConfig } from '../../protocol/parseRunConfig.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { eventStamper, type RunEventBody } from '../../protocol/runEvent.ts';
import { openSource, type Source } from '../checkpoint/openCheckpoint.ts';
import { COMPARISONS_ROOT } from '../runs/comparisonFolder.ts';
import { readConfigFile } from '../runs/configFile.ts';
import { makeOutputFolder } from '../runs/outputFolder.ts';
import { resolveConfig } from '../runs/resolveConfig.ts';
import { Runtime } from '../runtime/runtime.ts';
import { parsePattern } from '../sparsity/pattern.ts';
import { sparsityRows } from './compareSparsity.ts';
import { structuredRows } from './compareStructured.ts';
import { Comparison, denseRow, type ComparisonWork, type PlannedRow } from './comparison.ts';
import { releaseLevels } from './compareOurs.ts';
import { factsOf, startOf, takeComparisonLock } from './comparisonFacts.ts';
import { comparisonKey } from './comparisonKey.ts';
import { ComparisonRecord } from './comparisonRecord.ts';
import { titleOf } from './comparisonRows.ts';
import { textHash } from './readText.ts';
import { hashesOf } from './startRun.ts';
import { heldoutWindows, planTokens } from './tokenPlan.ts';
import { openWorkbench } from './workbench.ts';

/**
 * Makes one model small by every method that a config's `compare` section names, and judges all on
 * the same held-out text: the dense model first, then the sparse ones, then the structured ones.
 *
 * The table is kept in `.subnet/compare` beside the config, in a folder that is named by all that
 * figures depend on: one that was interrupted goes on, and one that is repeated is read.
 * @returns  the finished table
 * @throws EngineError `config`, `checkpoint`, `tokenizer`, `text`, `device`, `numeric`, `cancelled`,
 *   `disk`; `run` while another process is at work on it, or when a newer version was
 */
export async function compareMethods(
  request: CompareRequest,
  context: EngineContext,
): Promise<ComparisonTable> {
  try {
    return await compareOpened(await openComparison(request, context.signal), context);
  } catch (error) {
    throw isEngineError(error, 'cancelled') ? stopped(error) : error;
  }
}

/** A comparison that was asked for. */
export interface AskedComparison {
  /** Of its config, absolute. */
  readonly path: string;
  readonly config: ResolvedConfig;
  /** Of what figures depend on, see `hashesOf`, and of the shifted text. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Where its rows are kept, named by all that figures depend on; made if need be. */
  readonly folder: string;
  readonly source: Source;
  /** True when the config leaves the device to the engine. */
  readonly isAuto: boolean;
}

/**
 * Says what a comparison is of and where its rows are kept.
 * @throws EngineError `config`, `checkpoint`, `tokenizer`, `text`, `disk`, `cancelled`
 */
export async function openComparison(
  request: CompareRequest,
  signal: AbortSignal,
): Promise<AskedComparison> {
  const path = resolve(request.configPath);
  const written = parseRunConfig(readConfigFile(path), path);
  const asked = resolveConfig(written, path, request);
  const isAuto = asked.device === 'auto';
  // No method was ever timed on a GPU, and most of a row is float64 work of the CPU.
  const config: ResolvedConfig = isAuto ? { ...asked, device: 'cpu' } : asked;
  // What is cheap to refuse is refused first.
  config.compare.patterns.forEach(parsePattern);
  const source = await openSource(config.model);
  const { shifted } = config.compare;
  const hashes = {
    ...(await hashesOf(config, source, signal)),
    ...(shifted === null ? {} : { shifted: textHash(shifted) }),
  };
  const name = join(COMPARISONS_ROOT, comparisonKey(path, config, hashes));
  const folder = makeOutputFolder(dirname(path), name);
  return { path, config, hashes, folder, source, isAuto };
}

/**
 * Makes the rows that a comparison lacks.
 * @throws EngineError as {@link compareMethods}
 */
export async function compareOpened(
  asked: AskedComparison,
  context: EngineContext,
): Promise<ComparisonTable> {
  const lock = takeComparisonLock(asked.folder);
  try {
    return await compareIn(asked, context);
  } finally {
    lock.release();
  }
}

async function compareIn(asked: AskedComparison, context: EngineContext): Promise<ComparisonTable> {
  const { path, config, folder, hashes } = asked;
  const { signal } = context;
  const stamp = eventStamper(Date.now);
  const tell = (event: RunEventBody): void => {
    context.emit(stamp(event));
  };
  const note = (text: string): void => {
    tell({ kind: 'log', level: 'info', text });
  };
  const startedMs = startOf(folder, note) ?? Date.now();
  const bench = await openWorkbench(asked.source, config, context);
  const cpu = new Runtime('cpu', bench.device.threads);
  try {
    const reading = [config, bench.weights.shape, bench.tokenizer, signal] as const;
    const tokens = await planTokens(...reading);
    const other = config.compare.shifted;
    const shifted = other === null ? null : await heldoutWindows(other, ...reading);
    const work = { bench, config, tokens, shifted, signal, cpu, hashes, folder, note };
    const facts = { ...factsOf(path, work, asked.isAuto), startedMs };
    bench.place.notes.forEach(note);
    note(`Comparing on: ${facts.device}.`);
    return await compared(work, (plan) => {
      const names = plan.map(({ name }) => name);
      return new ComparisonRecord(facts, names, { folder, tell, now: Date.now });
    });
  } finally {
    await cpu.release();
    await bench.release();
  }
}

async function compared(
  work: ComparisonWork,
  recordOf: (plan: readonly PlannedRow[]) => ComparisonRecord,
): Promise<ComparisonTable> {
  const comparison = new Comparison(work);
  const all = [denseRow(comparison), ...sparsityRows(comparison), ...structuredRows(comparison)];
  // A list of the config may name a thing twice.
  const plan = [...new Map(all.map((row) => [titleOf(row.name), row])).values()];
  const record = recordOf(plan);
  record.begin();
  try {
    await comparison.make(plan, record);
  } catch (error) {
    endQuietly(record, isEngineError(error, 'cancelled') ? 'stopped' : 'failed');
    throw error;
  }
  record.end('finished');
  releaseLevels(work.folder);
  return record.table;
}

/** Writing the end must not hide what ended the comparison, e.g. a full disk. */
function endQuietly(record: ComparisonRecord, state: 'stopped' | 'failed'): void {
  try {
    record.end(state);
  } catch {
    // The error that is on its way to the user says more.
  }
}

/** A comparison has no run to resume; its rows wait for the same command. */
function stopped({ problem }: EngineError): EngineError {
  const action = 'Give the same command again: finished rows are kept.';
  return new EngineError('cancelled', { ...problem, action });
}
