import { existsSync, readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EstimateReport } from '../../protocol/estimate.ts';
import { parseRunConfig } from '../../protocol/parseRunConfig.ts';
import type { DeviceReport } from '../../protocol/runRecord.ts';
import { checkpointNotes } from '../checkpoint/checkpointNotes.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { type Checkpoint, openCheckpoint } from '../checkpoint/openCheckpoint.ts';
import { readConfigFile } from '../runs/configFile.ts';
import { resolveConfig } from '../runs/resolveConfig.ts';
import { readManifest, runsRootOf } from '../runs/runLayout.ts';
import { chooseDevice } from '../runtime/devices.ts';
import { blockBudget, countParameters } from '../model/cost.ts';
import { denseSubnet } from '../model/subnet.ts';
import { candidatesIn, diskBytes, peakBytes, type EstimatedWork } from './estimateSpace.ts';
import { estimateStages } from './estimateStages.ts';
import { countWindows } from './estimateWindows.ts';
import { evenWidths } from './evenWidths.ts';
import { freeMemory } from './freeMemory.ts';
import { warningsOf } from './estimateWarnings.ts';
import { assertSparsityRuns } from './sparsityPlan.ts';

/**
 * What a run of a config would take and give. Reads headers and texts, no weights; tries the devices
 * once per process.
 * @param configPath  a *.subnet.jsonc file
 * @throws EngineError `config`, `checkpoint`, `tokenizer`, `text`, `device` as the run would;
 *   `cancelled`
 */
export async function estimateRun(
  configPath: string,
  signal: AbortSignal,
): Promise<EstimateReport> {
  const path = resolve(configPath);
  const text = readConfigFile(path);
  const config = resolveConfig(parseRunConfig(text, path), path);
  const checkpoint = await openCheckpoint(config.model);
  const { shape } = checkpoint;
  assertSparsityRuns(config, shape);
  const counts = await countWindows(config, checkpoint, signal);
  const choice = await chooseDevice(config.device, { threads: config.threads, signal });
  const device = choice.reports.find(({ chosen }) => chosen)!;
  const work = { shape, config, counts, checkpointBytes: checkpointBytes(checkpoint) };
  const stages = estimateStages({ ...work, ...ratesOf(choice.reports, device) });
  const { params, blockParams } = paramsOf(shape, config.ratio);
  const runsRoot = runsRootOf(dirname(path));
  const [memory, disk] = [memoryOf(work), await diskOf(work, runsRoot)];
  const { calibration, search, heldout } = counts;
  const report = {
    name: config.name,
    model: { path: checkpoint.folder, family: shape.family, layers: shape.layers },
    ...{ params, blockParams, stages, memory, disk },
    widths: evenWidths(shape, blockParams.subnet),
    totalMs: stages.reduce((sum, { ms }) => sum + ms, 0),
    device: { device: device.device, gflops: device.gflops, why: choice.summary },
    windows: { calibration, search, heldout },
    candidates: candidatesIn(config),
  };
  const identical = identicalRun(runsRoot, text);
  const warnings = warningsOf(report, { config, counts, identical });
  return { ...report, warnings: [...warnings, ...checkpointNotes(checkpoint)] };
}

/** Bytes of the weight files of a checkpoint. */
export function checkpointBytes({ files }: Checkpoint): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** MatMul rates of the device and of the CPU, which does the float64 work whatever the device. */
export function ratesOf(
  reports: readonly DeviceReport[],
  device: DeviceReport,
): { readonly rate: number; readonly cpuRate: number } {
  const cpu = reports.find((report) => report.device === 'cpu');
  const rate = device.gflops ?? SLOW_GFLOPS;
  return { rate, cpuRate: cpu?.gflops ?? (device.device === 'cpu' ? rate : SLOW_GFLOPS) };
}

/** A rate for a device that was not measured, GFLOP/s: that of one slow CPU core. */
const SLOW_GFLOPS = 20;

function paramsOf(
  shape: ModelShape,
  ratio: number,
): Pick<EstimateReport, 'params' | 'blockParams'> {
  const { denseTotal, denseBlock } = countParameters(shape, denseSubnet(shape));
  const budget = blockBudget(shape, ratio);
  return {
    params: { dense: denseTotal, subnet: denseTotal - denseBlock + budget },
    blockParams: { dense: denseBlock, subnet: budget },
  };
}

function memoryOf(work: EstimatedWork): EstimateReport['memory'] {
  const needed = Math.max(...Object.values(peakBytes(work)));
  const freeBytes = freeMemory();
  return { peakBytes: needed, freeBytes, fits: needed <= freeBytes };
}

async function diskOf(work: EstimatedWork, root: string): Promise<EstimateReport['disk']> {
  let folder = root;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const [neededBytes, freeBytes] = [diskBytes(work), bavail * bsize];
  return { neededBytes, freeBytes, fits: neededBytes <= freeBytes };
}

/** Name of a run that was made from the very same text of a config. */
function identicalRun(root: string, text: string): string | null {
  if (!existsSync(root)) return null;
  for (const name of readdirSync(root).sort().reverse()) {
    try {
      if (readManifest(join(root, name)).configText === text) return name;
    } catch {
      // A damaged run is not worth a word here.
    }
  }
  return null;
}
