import { dirname } from 'node:path';
import * as Type from 'typebox';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import {
  readReformed,
  REFORMED_FILE,
  REFORMED_MAPS,
  writeReformed,
} from '../export/reformedWeights.ts';
import { admmRefit, leastSquaresRefit, type Refit } from '../reformation/refit.ts';
import { reform } from '../reformation/reform.ts';
import type { Solver } from '../runtime/solver.ts';
import type { Subnet } from '../subnet/subnet.ts';
import type { Progress, RunContext } from './runContext.ts';
import type { Workbench } from './workbench.ts';

/** Share of the calibration windows that chooses the damping and is fitted only afterwards. */
const HELDOUT_SHARE = 0.15;

/** How one output map was refitted, for the record. */
export interface FitRecord {
  readonly layer: number;
  readonly kind: 'attention' | 'mlp';
  /** Null: the old map was kept, because no damping made it better. */
  readonly damping: number | null;
  readonly errorBefore: number;
  readonly errorAfter: number;
}

/**
 * Refits the kept weights of a subnet, or returns them as they are when the config says "none".
 * @throws EngineError `numeric`, `cancelled`, `disk`
 */
export function reformStage(
  run: RunContext,
  bench: Workbench,
  subnet: Subnet,
  windows: readonly Uint32Array[],
): Promise<ModelWeights> {
  if (run.config.reform.method === 'none') return Promise.resolve(bench.weights);
  const path = run.folder.stageFile(REFORMED_FILE);
  return run.stage('reform', {
    kept: keptSchema,
    restore: ({ sha256 }) => {
      const from = { file: REFORMED_FILE, maps: REFORMED_MAPS, sha256 };
      return readReformed(dirname(path), from, bench.weights, subnet, run.signal);
    },
    work: async (progress) => {
      const fits: FitRecord[] = [];
      const weights = await reformed(bench, subnet, windows, {
        settings: run.config.reform,
        signal: run.signal,
        progress,
        onFit: (fit) => fits.push(fit),
      });
      const { sha256 } = await writeReformed(path, weights, subnet, REFORMED_MAPS, run.signal);
      return { sha256, fits };
    },
  });
}

const keptSchema = Type.Object({ sha256: Type.String(), fits: Type.Unknown() });

/** Reforms a subnet as a config's `reform` section says. */
export function reformed(
  bench: Workbench,
  subnet: Subnet,
  windows: readonly Uint32Array[],
  options: {
    readonly settings: ResolvedConfig['reform'];
    readonly signal: AbortSignal;
    readonly progress?: Progress;
    readonly onFit?: (fit: FitRecord) => void;
  },
): Promise<ModelWeights> {
  const { settings, signal, progress, onFit } = options;
  const { forward, weights } = bench;
  return reform({
    ...{ forward, weights, subnet, signal },
    batches: batchesOf(windows.slice(0, settings.windows)),
    target: settings.target,
    heldoutShare: HELDOUT_SHARE,
    refit: refitOf(settings, bench.solver),
    onFit: (fit) => {
      onFit?.(fit);
      progress?.(2 * fit.layer + (fit.kind === 'mlp' ? 2 : 1), 2 * weights.shape.layers);
    },
  });
}

function refitOf(settings: ResolvedConfig['reform'], solver: Solver): Refit {
  const { damping: dampings, rho, iterations } = settings;
  if (settings.method === 'admm') return admmRefit(solver, { rho, iterations, dampings });
  return leastSquaresRefit(solver, dampings);
}
