import { basename } from 'node:path';
import { deviceTitle } from '../../protocol/deviceTitle.ts';
import { EngineError, isEngineError } from '../../protocol/errors.ts';
import { checkpointNotes } from '../checkpoint/checkpointNotes.ts';
import { readComparisonFile } from '../runs/comparisonFolder.ts';
import { takeRunLock, type RunLock } from '../runs/runLock.ts';
import { countParameters } from '../model/cost.ts';
import { denseSubnet } from '../model/subnet.ts';
import type { ComparisonWork } from './comparison.ts';
import type { ComparisonFacts } from './comparisonRecord.ts';

/**
 * Takes hold of a comparison's folder.
 * @throws EngineError `run` when a living process holds it
 */
export function takeComparisonLock(folder: string): RunLock {
  try {
    return takeRunLock(folder);
  } catch (error) {
    if (!isEngineError(error, 'run')) throw error;
    const expected = 'a comparison that nobody else is working on';
    throw new EngineError('run', { ...error.problem, expected }, { cause: error });
  }
}

/**
 * When a comparison that goes on was begun. A damaged table is begun anew, for all that is in it is
 * in the files of its rows too.
 * @param note  told of a damaged one
 * @returns undefined when there is no table
 * @throws EngineError `run` when a newer version wrote it, which an older one must not replace
 */
export function startOf(folder: string, note: (text: string) => void): number | undefined {
  try {
    return readComparisonFile(folder)?.startedMs;
  } catch (error) {
    if (!isEngineError(error, 'decode')) throw error;
    note(`The table of this comparison was damaged and is written anew from its rows.`);
    return undefined;
  }
}

/**
 * What is known of a comparison before its first row.
 * @param configPath  absolute
 * @param isAuto  true when the config leaves the device to the engine
 */
export function factsOf(
  configPath: string,
  { bench, config, tokens }: ComparisonWork,
  isAuto: boolean,
): Omit<ComparisonFacts, 'startedMs'> {
  const { shape } = bench.weights;
  const { device, threads } = bench.device;
  const cores = device === 'cpu' ? `, ${threads} thread${threads === 1 ? '' : 's'}` : '';
  return {
    ...{ name: config.name, configPath, model: basename(config.model), seed: config.seed },
    notes: checkpointNotes(bench.checkpoint),
    device: `${deviceTitle(device)}${cores}${isAuto ? ' ("auto" is the CPU in comparisons)' : ''}`,
    heldout: sizeOf(tokens.heldout),
    calibration: sizeOf(tokens.calibration),
    blockParams: countParameters(shape, denseSubnet(shape)).denseBlock,
  };
}

function sizeOf(windows: readonly Uint32Array[]): { windows: number; tokens: number } {
  return {
    windows: windows.length,
    tokens: windows.reduce((sum, window) => sum + window.length, 0),
  };
}
