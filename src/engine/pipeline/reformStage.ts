import { dirname } from 'node:path';
import * as Type from 'typebox';
import { reformVerdictSchema } from '../../protocol/reformVerdict.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import {
  readReformed,
  REFORMED_FILE,
  REFORMED_MAPS,
  writeReformed,
} from '../export/reformedWeights.ts';
import { type MapFit, reform, type Reformed } from '../reformation/reform.ts';
import { admmRefit, leastSquaresRefit, type Refit } from '../reformation/refit.ts';
import type { Solver } from '../runtime/solver.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { Candidate } from './measureFigures.ts';
import { reportVerdict } from './reportVerdict.ts';
import type { Progress, RunContext } from './runContext.ts';
import type { Workbench } from './workbench.ts';

/** A subnet to be reformed. */
export interface ToReform extends Candidate {
  /** The dense model that its weights were made from, or are. */
  readonly dense: WeightSource;
}

/**
 * Reforms a subnet as the config says; null when it says "none".
 * @param windows  calibration windows
 * @throws EngineError `numeric`, `cancelled`, `disk`
 */
export function reformStage(
  run: RunContext,
  bench: Workbench,
  candidate: ToReform,
  windows: readonly Uint32Array[],
): Promise<Reformed | null> {
  const { config, signal } = run;
  if (config.reform.method === 'none') return Promise.resolve(null);
  const { weights: before, subnet } = candidate;
  const path = run.folder.stageFile(REFORMED_FILE);
  return run.stage('reform', {
    kept: keptSchema,
    restore: async ({ sha256, verdict }): Promise<Reformed> => {
      if (sha256 === null) return { weights: before, verdict };
      const from = { file: REFORMED_FILE, maps: REFORMED_MAPS, sha256 };
      const weights = await readReformed(dirname(path), from, before, subnet, signal);
      return { weights, verdict };
    },
    work: async (progress) => {
      const fits: MapFit[] = [];
      const { weights, verdict } = await reformed(bench, candidate, windows, {
        config,
        signal,
        progress,
        onFit: (fit) => fits.push(fit),
      });
      reportVerdict(run, 'reform', verdict);
      if (weights === before) return { sha256: null, verdict, fits };
      const { sha256 } = await writeReformed(path, weights, subnet, REFORMED_MAPS, signal);
      return { sha256, verdict, fits };
    },
  });
}

/** What the stage keeps in the run folder. */
const keptSchema = Type.Object({
  /** Of the file of reformed weights; null when the reform was rejected. */
  sha256: Type.Union([Type.String(), Type.Null()]),
  verdict: reformVerdictSchema,
  fits: Type.Unknown(),
});

/** Reforms a subnet as a config says, whose method is not "none". */
export function reformed(
  { forward, head, solver }: Workbench,
  candidate: ToReform,
  windows: readonly Uint32Array[],
  options: {
    readonly config: ResolvedConfig;
    readonly signal: AbortSignal;
    readonly progress?: Progress;
    readonly onFit?: (fit: MapFit) => void;
  },
): Promise<Reformed> {
  const { config, signal, progress, onFit } = options;
  const { layers } = candidate.weights.shape;
  return reform({
    ...{ forward, head, signal, ...candidate },
    batches: batchesOf(thinned(windows, config.reform.windows)),
    target: config.reform.target,
    seed: config.seed,
    loss: config.search.fitness,
    refit: refitOf(config.reform, solver),
    onFit: (fit) => {
      onFit?.(fit);
      progress?.(2 * fit.layer + (fit.kind === 'mlp' ? 2 : 1), 2 * layers);
    },
  });
}

/** So many windows at most, from all of the text. */
function thinned(windows: readonly Uint32Array[], most: number): Uint32Array[] {
  const count = Math.min(windows.length, most);
  return Array.from(
    { length: count },
    (_, i) => windows[Math.floor((i * windows.length) / count)]!,
  );
}

function refitOf(settings: ResolvedConfig['reform'], solver: Solver): Refit {
  const { damping: dampings, rho, iterations } = settings;
  if (settings.method === 'admm') return admmRefit(solver, { rho, iterations, dampings });
  return leastSquaresRefit(solver, dampings);
}
