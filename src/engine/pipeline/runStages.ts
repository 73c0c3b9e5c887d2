import { join } from 'node:path';
import * as Type from 'typebox';
import type { ExportForm, RunOutcome } from '../../protocol/engineApi.ts';
import type { ReformVerdict, ReformVerdicts } from '../../protocol/reformVerdict.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import {
  type ExportReport,
  exportReportSchema,
  RUN_SCHEMA_VERSION,
} from '../../protocol/runRecord.ts';
import { bytesText } from '../../protocol/sizeText.ts';
import { calibrationBytes } from '../calibration/collect.ts';
import { checkpointNotes } from '../checkpoint/checkpointNotes.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { Source } from '../checkpoint/openCheckpoint.ts';
import { weightBytes } from '../checkpoint/weightBytes.ts';
import { canCompress } from '../export/exportCompressed.ts';
import { expectVerified } from '../export/exportHashes.ts';
import { SUBNET_FILE } from '../export/subnetConfig.ts';
import { storageOf } from '../export/storage.ts';
import { reformationBytes } from '../reformation/reform.ts';
import { sparsifyBytes } from '../sparsity/sparsifyBytes.ts';
import { decodersOf } from './estimateSpace.ts';
import { contestantsOf, evaluateStage } from './evaluateStage.ts';
import { exportSubnet, type SubnetExport } from './exportSubnet.ts';
import { findByLevels } from './findByLevels.ts';
import { findByMasks } from './findByMasks.ts';
import { type FoundSubnet, wholeOf } from './foundSubnet.ts';
import { levelsMemory } from './estimateLevels.ts';
import { countsOf, plannedTimes } from './plannedTimes.ts';
import { quantiserOf } from './quantiser.ts';
import type { RunContext } from './runContext.ts';
import { isSparsityOnly, sparsityOf } from './sparsityPlan.ts';
import { sparsifyStage } from './sparsifyStage.ts';
import { planTokens, type TokenPlan } from './tokenPlan.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

/**
 * The whole run, stage by stage: import → calibrate and score → search → reform → sparsify →
 * evaluate → export. A run that keeps everything and only puts zeros into weights goes from import
 * to sparsify.
 *
 * Finished stages of a resumed run are taken from its folder, so this one function starts and
 * resumes. Everything random is drawn from the config's seed.
 */
export async function runStages(
  run: RunContext,
  source: Source,
  engineVersion: string,
): Promise<RunOutcome> {
  const started = performance.now();
  const { bench, tokens } = await importModel(run, source);
  try {
    const origin = { sourceFingerprint: bench.checkpoint.fingerprint, engineVersion };
    const found = await findSubnet(run, bench, tokens);
    const { subnet } = found.searched;
    const candidate = { subnet, weights: found.reform?.weights ?? found.searched.weights };
    const sparsified = await sparsifyStage(run, bench, candidate, tokens);
    const sparse = sparsified?.weights ?? null;
    const reforms = verdictsOf(found.reform?.verdict, sparsified?.verdict);
    const contestants = contestantsOf(wholeOf(bench.weights), found, sparse);
    const exported = { subnet, weights: sparse ?? candidate.weights };
    const quantise = quantiserOf(run, bench, exported, tokens.calibration);
    const figures = await evaluateStage(run, bench, contestants, tokens.heldout, {
      ...{ origin, quantise },
    });
    const exports = await exportStage(run, bench, {
      candidate: exported,
      sparse: sparse !== null,
      rotated: found.rotated,
      windows: tokens.heldout,
      ...{ figures, origin, quantise },
    });
    const outcome = { figures, exports: [...exports], reforms };
    run.folder.writeResults({ schemaVersion: RUN_SCHEMA_VERSION, ...outcome });
    run.tell({ kind: 'runFinished', ms: performance.now() - started });
    return { runFolder: run.folder.path, ...outcome };
  } finally {
    await bench.release();
  }
}

function verdictsOf(
  reform: ReformVerdict | undefined,
  sparsify: ReformVerdict | null | undefined,
): ReformVerdicts {
  return { ...(reform && { reform }), ...(sparsify && { sparsify }) };
}

/** Finds the subnet that the config asks for. */
function findSubnet(run: RunContext, bench: Workbench, tokens: TokenPlan): Promise<FoundSubnet> {
  if (isSparsityOnly(run.config)) return Promise.resolve(wholeModel(bench.weights));
  return run.config.method === 'levels'
    ? findByLevels(run, bench, tokens)
    : findByMasks(run, bench, tokens);
}

function wholeModel(weights: WeightSource): FoundSubnet {
  const none = { reform: null, initialised: null, random: null };
  return { searched: wholeOf(weights), wasSearched: false, rotated: false, ...none };
}

async function importModel(
  run: RunContext,
  source: Source,
): Promise<{ bench: Workbench; tokens: TokenPlan }> {
  return run.timed('import', async (progress) => {
    const bench = await openWorkbench(source, run.config, run.signal, progress);
    run.tell({ kind: 'deviceChosen', devices: [...bench.device.reports] });
    run.log('info', bench.device.summary);
    for (const note of checkpointNotes(source)) run.log('warning', note);
    const { shape } = bench.weights;
    const tokens = await planTokens(run.config, shape, bench.tokenizer, run.signal);
    const { calibration, search, heldout } = tokens;
    const sizes = [calibration, search, heldout].map(
      (windows) => `${windows.length} × ${windows[0]?.length ?? 0}`,
    );
    run.log(
      'info',
      `Windows × tokens: ${sizes[0]} for calibration, ${sizes[1]} for the search, ${sizes[2]} held out.`,
    );
    run.log('info', memoryNote(run.config, bench, tokens));
    run.tell({ kind: 'stagesPlanned', stages: plannedTimes(run.config, bench, tokens) });
    return { bench, tokens };
  });
}

/** What the run will take, said before it takes it. */
function memoryNote(config: ResolvedConfig, { weights }: Workbench, plan: TokenPlan): string {
  const { calibration, heldout } = plan;
  const { shape } = weights;
  const { whole, subnet } = decodersOf(shape, config, heldout[0]?.length ?? 0);
  const tokens = calibration.reduce((sum, window) => sum + window.length, 0);
  const sparsity = sparsityOf(config, shape);
  const scored =
    config.method === 'levels'
      ? levelsMemory({ shape, config, counts: countsOf(plan) }).calibrate
      : calibrationBytes(shape, tokens);
  const work = [
    { verb: 'score', bytes: scored, planned: !isSparsityOnly(config) },
    { verb: 'reform', bytes: reformationBytes(shape, tokens), planned: !isSparsityOnly(config) },
    ...(sparsity === null
      ? []
      : [
          { verb: 'sparsify', bytes: sparsifyBytes(shape, { ...sparsity, tokens }), planned: true },
        ]),
    { verb: 'evaluate', bytes: whole + subnet, planned: true },
  ];
  const parts = work
    .filter(({ planned }) => planned)
    .map(({ verb, bytes }, i) => `${bytesText(bytes)}${i === 0 ? ' more' : ''} to ${verb}`);
  const all = [parts.slice(0, -1).join(', '), ...parts.slice(-1)].filter(Boolean).join(' and ');
  return `Memory: ${bytesText(weightBytes(shape))} of weights, then at most ${all}.`;
}

async function exportStage(
  run: RunContext,
  bench: Workbench,
  made: Omit<SubnetExport, 'folder' | 'forms' | 'tell'>,
): Promise<readonly ExportReport[]> {
  const { config, folder, signal } = run;
  let isFresh = false;
  return run.stage('export', {
    kept: Type.Array(exportReportSchema),
    restore: async (reports): Promise<readonly ExportReport[]> => {
      if (!isFresh) await expectVerified(folder.exportFolder(), reports, signal);
      return reports;
    },
    work: async (progress) => {
      const forms: ExportForm[] = (['checkpoint', 'onnx'] as const).filter(
        (form) => config.export[form],
      );
      if (await isPacked(run, bench, made.candidate)) forms.push('compressed');
      let done = 0;
      const reports = await exportSubnet(run, bench, {
        ...made,
        folder: folder.exportFolder(),
        forms,
        tell: (report) => {
          run.tell({ kind: 'exported', report });
          progress(++done, forms.length + 1);
        },
      });
      isFresh = true;
      return [...reports];
    },
  });
}

/** Whether the weights are also written without their zeros: where that makes them smaller. */
async function isPacked(
  { config, signal }: RunContext,
  { checkpoint }: Workbench,
  { weights, subnet }: SubnetExport['candidate'],
): Promise<boolean> {
  if (config.sparsify.method === 'none' || !config.export.compressed) return false;
  const storage = storageOf(config.export.dtype, checkpoint);
  return canCompress(weights, subnet, checkpoint, { ...storage, signal });
}

/** Path of a run's subnet config. */
export function subnetPathOf(runFolder: string): string {
  return join(runFolder, 'export', SUBNET_FILE);
}
