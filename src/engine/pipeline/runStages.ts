import { join } from 'node:path';
import type { RunOutcome } from '../../protocol/engineApi.ts';
import { type ExportReport, RUN_SCHEMA_VERSION } from '../../protocol/runRecord.ts';
import { calibrationBytes } from '../calibration/collect.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { weightBytes } from '../checkpoint/weightBytes.ts';
import { SUBNET_FILE } from '../export/subnetConfig.ts';
import { rngFor } from '../numeric/rng.ts';
import { reformationBytes } from '../reformation/reform.ts';
import { initialSubnet, randomSubnet } from '../search/baseline.ts';
import { blockBudget, denseSubnet } from '../subnet/count.ts';
import { encodeSubnet } from '../subnet/encode.ts';
import type { Subnet } from '../subnet/subnet.ts';
import { contestantsOf, evaluateStage } from './evaluateStage.ts';
import { exportSubnet, type SubnetExport } from './exportSubnet.ts';
import { reformStage } from './reformStage.ts';
import type { RunContext } from './runContext.ts';
import { scoreStage } from './scoreStage.ts';
import { searchStage } from './searchStage.ts';
import { planTokens, type TokenPlan } from './tokenPlan.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

/**
 * The whole run, stage by stage: import → calibrate and score → search → reform → evaluate → export.
 *
 * Finished stages of a resumed run are taken from its folder, so this one function starts and
 * resumes. Everything random is drawn from the config's seed.
 */
export async function runStages(run: RunContext, engineVersion: string): Promise<RunOutcome> {
  const started = performance.now();
  const { bench, tokens } = await importModel(run);
  try {
    const { shape } = bench.weights;
    const origin = { sourceFingerprint: bench.checkpoint.fingerprint, engineVersion };
    const scored = await scoreStage(run, bench, tokens.calibration);
    const starts = await startSubnets(run, bench.weights, scored);
    const searched = await searchStage(run, bench, {
      ...{ scored, initial: starts.initialised, budget: starts.budget },
      windows: tokens.search,
    });
    const reformed = await reformStage(run, bench, searched, tokens.calibration);
    const contestants = contestantsOf(bench.weights, {
      ...{ dense: denseSubnet(shape), searched, reformed, wasSearched: run.config.search.enabled },
      ...{ random: starts.random, initialised: starts.initialised, sparse: null },
    });
    const figures = await evaluateStage(run, bench, contestants, tokens.heldout, origin);
    const exports = await exportStage(run, bench, {
      candidate: { weights: reformed, subnet: searched },
      windows: tokens.heldout,
      ...{ figures, origin },
    });
    run.folder.writeResults({ schemaVersion: RUN_SCHEMA_VERSION, figures, exports: [...exports] });
    run.tell({ kind: 'runFinished', ms: performance.now() - started });
    return { runFolder: run.folder.path, figures, exports };
  } finally {
    await bench.release();
  }
}

async function importModel(run: RunContext): Promise<{ bench: Workbench; tokens: TokenPlan }> {
  return run.timed('import', async (progress) => {
    const bench = await openWorkbench(run.config, run.signal, progress);
    run.tell({ kind: 'deviceChosen', devices: [...bench.device.reports] });
    run.log('info', bench.device.summary);
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
    run.log('info', memoryNote(bench, tokens));
    return { bench, tokens };
  });
}

/** What the run will take, said before it takes it. */
function memoryNote({ weights }: Workbench, { calibration }: TokenPlan): string {
  const { shape } = weights;
  const tokens = calibration.reduce((sum, window) => sum + window.length, 0);
  const [held, scoring, reforming] = [
    weightBytes(shape),
    calibrationBytes(shape, tokens),
    reformationBytes(shape, tokens),
  ].map((bytes) => `${(bytes / 1e6).toPrecision(3)} MB`);
  return `Memory: ${held} of weights, then at most ${scoring} more to score and ${reforming} to reform.`;
}

/** The subnets that need no search, all on the budget. */
async function startSubnets(
  run: RunContext,
  { shape }: ModelWeights,
  { scores }: Awaited<ReturnType<typeof scoreStage>>,
): Promise<{ budget: number; initialised: Subnet; random: Subnet | null }> {
  const { config } = run;
  const budget = blockBudget(shape, config.ratio);
  const problem = { shape, masks: config.attention, budget };
  return run.stage(
    'score',
    () => {
      const initialised = initialSubnet(problem, scores);
      const random = config.evaluation.random
        ? randomSubnet(problem, rngFor(config.seed, 'random control'))
        : null;
      run.folder.writeMasks('initialised', encodeSubnet(initialised));
      if (random !== null) run.folder.writeMasks('random', encodeSubnet(random));
      return { budget, initialised, random };
    },
    () => Promise.resolve({ budget }),
  );
}

async function exportStage(
  run: RunContext,
  bench: Workbench,
  made: Omit<SubnetExport, 'folder' | 'forms' | 'tell'>,
): Promise<readonly ExportReport[]> {
  const { config, folder } = run;
  return run.stage(
    'export',
    (reports: readonly ExportReport[]) => reports,
    async (progress) => {
      const forms = (['checkpoint', 'onnx'] as const).filter((form) => config.export[form]);
      let done = 0;
      return exportSubnet(run, bench, {
        ...made,
        folder: folder.exportFolder(),
        forms,
        tell: (report) => {
          run.tell({ kind: 'exported', report });
          progress(++done, forms.length + 1);
        },
      });
    },
  );
}

/** Path of a run's subnet config. */
export function subnetPathOf(runFolder: string): string {
  return join(runFolder, 'export', SUBNET_FILE);
}
