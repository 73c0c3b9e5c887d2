import { join } from 'node:path';
import { decodeValue } from '../../protocol/decode.ts';
import type { EngineContext, SubnetRequest } from '../../protocol/engineApi.ts';
import { EngineError } from '../../protocol/errors.ts';
import {
  type ExportReport,
  type Figure,
  type Figures,
  type SubnetReport,
  subnetReportSchema,
} from '../../protocol/runRecord.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { openSource, type Source } from '../checkpoint/openCheckpoint.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import type { ExportOrigin } from '../export/exportOnnx.ts';
import { makeFolder } from '../../files/insideFolder.ts';
import { replaceJson } from '../../files/writeFile.ts';
import { storageOf } from '../export/storage.ts';
import { summariseRun } from '../runs/listRuns.ts';
import { RunFolder } from '../runs/runFolder.ts';
import { readRunJson } from '../runs/runLayout.ts';
import type { Subnet } from '../model/subnet.ts';
import { figureOf } from './evaluateStage.ts';
import { exportSubnet } from './exportSubnet.ts';
import { candidateAt, openLevelsOfRun } from './findByLevels.ts';
import { wholeOf } from './foundSubnet.ts';
import { heldoutOf } from './heldout.ts';
import { keptSubnet } from './keptSubnet.ts';
import { removeLeftovers, subnetDecoderFolder, subnetFolder } from './leftovers.ts';
import { type Candidate, measureFigures } from './measureFigures.ts';
import { quantiserOf } from './quantiser.ts';
import { reformed, type ToReform } from './reformStage.ts';
import { reportVerdict } from './reportVerdict.ts';
import { configOf, expectUnchanged } from './resumeRun.ts';
import { RunContext } from './runContext.ts';
import { planTokens, type TokenPlan } from './tokenPlan.ts';
import { engineVersion } from './versions.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

/**
 * Refits, measures and writes one subnet of a run that is not running, as the run's config says.
 *
 * The report is kept in `subnets/<key>/result.json` of the run and added to its log; what was found
 * out before stays in it. Progress is told as stages, which do not change where the run stands.
 * @throws EngineError `run` when the run is in use, keeps no such subnet or its model, texts or
 *   engine changed; `verify`, `disk`, `device`, `cancelled`
 */
export async function workOnSubnet(
  request: SubnetRequest,
  context: EngineContext,
): Promise<SubnetReport> {
  expectSomething(request);
  const folder = new RunFolder(request.runFolder);
  let run: RunContext | undefined;
  try {
    const config = configOf(folder);
    if (request.reform && config.reform.method === 'none') throw noReform(folder.path);
    const source = await openSource(config.model);
    const subnet = subnetOf(folder.path, source.shape, request.key);
    await expectUnchanged(folder, config, source, context.signal);
    removeLeftovers(folder.path);
    run = new RunContext(folder, config, {
      signal: context.signal,
      freeBytes: context.freeBytes,
      emit: (event) => {
        context.emit(event);
      },
    });
    tellStopped(run);
    const { key, reform, evaluate, forms } = request;
    run.tell({ kind: 'subnetStarted', key, reform, evaluate, forms: [...forms] });
    const report = merged(folder, request.key, await reportOn(run, source, subnet, request));
    replaceJson(folder.file(resultFile(request.key)), report);
    run.tell({ kind: 'subnetReported', report });
    return report;
  } finally {
    if (run === undefined) folder.close();
    else run.close();
  }
}

async function reportOn(
  run: RunContext,
  source: Source,
  subnet: Subnet,
  request: SubnetRequest,
): Promise<SubnetReport> {
  const { config, signal, folder } = run;
  const { key, forms } = request;
  const bench = await run.timed('import', (progress) =>
    openWorkbench(source, config, run, progress),
  );
  try {
    for (const note of bench.place.notes) run.log('warning', note);
    const { shape } = bench.weights;
    const tokens = await planTokens(config, shape, bench.tokenizer, signal);
    const own = await candidateOf(run, bench, subnet, tokens);
    const reform = request.reform
      ? await run.timed('reform', (progress) =>
          reformed(bench, own, tokens.calibration, { config, signal, progress }),
        )
      : null;
    if (reform !== null) reportVerdict(run, 'reform', reform.verdict);
    const weights = reform?.weights ?? own.weights;
    const candidate = { weights, subnet };
    const origin = { sourceFingerprint: bench.checkpoint.fingerprint, engineVersion };
    const figure = request.evaluate
      ? await measured(run, bench, { key, candidate, tokens, origin })
      : null;
    const isReformed = weights !== own.weights;
    const figures = isReformed ? { figure: null, reformed: figure } : { figure, reformed: null };
    const verdict = reform === null ? {} : { verdict: reform.verdict };
    let exports: readonly ExportReport[] = [];
    if (forms.length > 0) {
      const path = request.out ?? folder.file(join(subnetFolder(key), 'export'));
      makeFolder(path);
      exports = await run.timed('export', (progress) => {
        let done = 0;
        return exportSubnet(run, bench, {
          ...{ candidate, origin, forms, folder: path, windows: tokens.heldout },
          rotated: own.dense !== bench.weights,
          figures: { ...NO_FIGURES, searched: figures.figure, reformed: figures.reformed },
          quantise: quantiserOf(run, bench, candidate, tokens.calibration),
          tell: () => {
            progress(++done, forms.length + 1);
          },
        });
      });
    }
    return { key, ...figures, exports: [...exports], ...verdict };
  } finally {
    await bench.release();
  }
}

/** A subnet of the run with the weights that its search judged it by. */
async function candidateOf(
  run: RunContext,
  bench: Workbench,
  subnet: Subnet,
  tokens: TokenPlan,
): Promise<ToReform> {
  const { weights } = bench;
  if (run.config.method === 'levels') {
    const model = await openLevelsOfRun(run, bench, tokens.calibration);
    const levels = model.levelsOf(subnet);
    if (levels !== null) return { dense: model.weights, ...(await candidateAt(model, levels)) };
  }
  return { dense: weights, weights, subnet };
}

const NO_FIGURES: Figures = {
  ...{ dense: null, random: null, initialised: null, searched: null, reformed: null },
  ...{ sparse: null, quantised: null },
};

/** Held-out perplexity, size and speed, as the run evaluates its own rows: beside the dense model. */
function measured(
  run: RunContext,
  bench: Workbench,
  what: {
    readonly key: string;
    readonly candidate: Candidate;
    readonly tokens: TokenPlan;
    readonly origin: ExportOrigin;
  },
): Promise<Figure> {
  const { key, candidate, tokens, origin } = what;
  const { config, folder, signal } = run;
  const windows = tokens.heldout;
  return run.timed('evaluate', async (progress) => {
    const total = windows.length + 1;
    const found = await perplexityOf(bench.forward, bench.head, candidate, windows, {
      signal,
      onProgress: (done) => {
        progress(done, total);
      },
    });
    const { weights } = bench;
    const models = { dense: wholeOf(weights), one: candidate };
    const figures = await measureFigures(bench, models, {
      folder: folder.file(subnetDecoderFolder(key)),
      storage: storageOf(config.export.dtype, bench.checkpoint),
      origin,
      tokens: windows[0]!,
      note: (text) => {
        run.log('warning', text);
      },
      signal,
    });
    progress(total, total);
    return figureOf(found, heldoutOf(folder.manifest.hashes, windows), figures.one);
  });
}

/** A run killed without a last word would else look as if it were running while this goes on. */
function tellStopped(run: RunContext): void {
  const summary = summariseRun(run.folder.path, run.folder.manifest.id);
  if (summary.kind === 'run' && summary.state === 'running') run.tell({ kind: 'runStopped' });
}

/** What is new over what was known; an export replaces the older one of its form. */
function merged(folder: RunFolder, key: string, report: SubnetReport): SubnetReport {
  const name = resultFile(key);
  const kept = readRunJson(folder.path, name);
  if (kept === undefined) return report;
  const before: SubnetReport = decodeValue(subnetReportSchema, kept, name);
  const forms = new Set(report.exports.map(({ form }) => form));
  const verdict = report.verdict ?? before.verdict;
  return {
    key: report.key,
    figure: report.figure ?? before.figure,
    reformed: report.reformed ?? before.reformed,
    exports: [...before.exports.filter(({ form }) => !forms.has(form)), ...report.exports],
    ...(verdict && { verdict }),
  };
}

function resultFile(key: string): string {
  return join(subnetFolder(key), 'result.json');
}

function subnetOf(folder: string, shape: ModelShape, key: string): Subnet {
  const subnet = /^[0-9a-f]{16}$/.test(key) ? keptSubnet(folder, shape, key) : undefined;
  if (subnet !== undefined) return subnet;
  throw new EngineError('run', {
    what: folder,
    expected: `the masks of subnet ${key.slice(0, 40)}`,
    found: 'none of that key',
    action: 'Choose a subnet that this run has judged.',
    sentence: `The run in ${folder} does not hold the masks of subnet ${key.slice(0, 40)}.`,
  });
}

function expectSomething({ runFolder, evaluate, forms }: SubnetRequest): void {
  if (evaluate || forms.length > 0) return;
  throw new EngineError('run', {
    what: runFolder,
    expected: 'a subnet to be measured or written',
    found: 'a request for neither',
    action: 'Choose to evaluate it, or a form to export.',
    sentence: 'Nothing was chosen to be done with the subnet.',
  });
}

function noReform(folder: string): EngineError {
  return new EngineError('config', {
    what: folder,
    expected: 'a run that reforms, whose settings can be used',
    found: '"reform.method": "none"',
    action: 'Leave the reformation out, or start a run with another method.',
    sentence: `The run in ${folder} does not reform ("reform.method" is "none"), so there are no settings to reform its subnets with.`,
  });
}
