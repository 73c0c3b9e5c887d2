import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import type { CompareRequest, CompareRow } from '../../protocol/compareRow.ts';
import type { EngineContext } from '../../protocol/engineApi.ts';
import { EngineError, isEngineError } from '../../protocol/errors.ts';
import { parseRunConfig } from '../../protocol/parseRunConfig.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { eventStamper } from '../../protocol/runEvent.ts';
import { makeFolder } from '../runs/atomicWrite.ts';
import { resolveConfig } from '../runs/resolveConfig.ts';
import { runsRootOf } from '../runs/runLayout.ts';
import { Runtime } from '../runtime/runtime.ts';
import { parsePattern } from '../sparsity/pattern.ts';
import { Comparison, whole } from './comparison.ts';
import { compareSparsity, DENSE_ROW } from './compareSparsity.ts';
import { compareStructured } from './compareStructured.ts';
import { hashesOf, readConfig } from './startRun.ts';
import { planTokens } from './tokenPlan.ts';
import { engineVersion } from './versions.ts';
import { openWorkbench } from './workbench.ts';

/**
 * Makes one model small by every method that a config's `compare` section names, and judges all on
 * the same held-out text: the dense model first, then the sparse ones, then the structured ones.
 *
 * Rows are kept in `.subnet/compare` beside the config, by all that their figures depend on, so that
 * a comparison that was interrupted goes on, and one that is repeated is read.
 * @returns  rows in the order of the table
 * @throws EngineError `config`, `checkpoint`, `tokenizer`, `text`, `device`, `numeric`, `cancelled`,
 *   `disk`
 */
export async function compareMethods(
  request: CompareRequest,
  context: EngineContext,
): Promise<readonly CompareRow[]> {
  const { signal } = context;
  const path = resolve(request.configPath);
  const written = parseRunConfig(await readConfig(path), path);
  const asked = resolveConfig(written, path, request);
  // Weights that a GPU was given stay there, and every row has weights of its own.
  const config: ResolvedConfig = asked.device === 'auto' ? { ...asked, device: 'cpu' } : asked;
  // What is cheap to refuse is refused first.
  config.compare.patterns.forEach(parsePattern);
  const bench = await openWorkbench(config, signal);
  const cpu = new Runtime('cpu', bench.device.threads);
  try {
    const hashes = await hashesOf(config, bench.checkpoint, signal);
    const folder = join(dirname(path), '.subnet', 'compare', keyOf(config, hashes));
    makeFolder(folder);
    const stamp = eventStamper(Date.now);
    const tokens = await planTokens(config, bench.weights.shape, bench.tokenizer, signal);
    const comparison = new Comparison(
      { bench, cpu, config, tokens, hashes, signal, runsRoot: runsRootOf(dirname(path)) },
      folder,
      (text) => {
        context.emit(stamp({ kind: 'log', level: 'info', text }));
      },
    );
    comparison.note(bench.device.summary);
    await comparison.row(DENSE_ROW, () => Promise.resolve(whole(bench.weights)));
    await compareSparsity(comparison);
    await compareStructured(comparison);
    return comparison.rows;
  } catch (error) {
    throw isEngineError(error, 'cancelled') ? stopped(error) : error;
  } finally {
    await cpu.release();
    await bench.release();
  }
}

/** A comparison has no run to resume; its rows wait for the same command. */
function stopped({ problem }: EngineError): EngineError {
  const action = 'Give the same command again: finished rows are kept.';
  return new EngineError('cancelled', { ...problem, action });
}

/** Names all that a row's figures depend on: a changed setting is another comparison. */
function keyOf(config: ResolvedConfig, hashes: Readonly<Record<string, string>>): string {
  const elsewhere = new Set(['name', 'compare', 'export', 'ratio', 'threads']);
  const settings = Object.entries(config).filter(([field]) => !elsewhere.has(field));
  const text = JSON.stringify([settings, hashes, engineVersion]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
