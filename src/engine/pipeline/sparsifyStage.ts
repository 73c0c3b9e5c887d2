import { dirname, join } from 'node:path';
import * as Type from 'typebox';
import { type ReformVerdict, reformVerdictSchema } from '../../protocol/reformVerdict.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { mapNames, SPARSE_BITS_FILE, SPARSE_RECORD_FILE } from '../../protocol/sparsityRecord.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { changedMaps, readReformed, writeReformed } from '../export/reformedWeights.ts';
import { replaceFile } from '../../files/writeFile.ts';
import { runFiles } from '../runs/runLayout.ts';
import { type SparseLayer, type SparseModel, sparsify } from '../sparsity/sequential.ts';
import type { Candidate } from './measureFigures.ts';
import { reportVerdict } from './reportVerdict.ts';
import type { Progress, RunContext } from './runContext.ts';
import { densitiesOf, recordOf } from './sparsityRecordOf.ts';
import { sparsityOf, ZEROS_TAKE_TIME } from './sparsityPlan.ts';
import type { TokenPlan } from './tokenPlan.ts';
import type { Workbench } from './workbench.ts';

/** Name of the file that keeps the sparse weights of a run in its stages. */
export const SPARSE_FILE = 'sparse.safetensors';

/** A candidate's sparse weights. */
export interface Sparsified {
  /** Removed rows are as they were. */
  readonly weights: WeightSource;
  /** How much of their refit was accepted; null for a method that does not refit. */
  readonly verdict: ReformVerdict | null;
}

/**
 * Puts zeros into the weights that a candidate keeps, as the config's `sparsify` section says, and
 * tells where they are (`masks/sparse.json` and `masks/sparse.bits`).
 * @returns  null when none are asked for
 * @throws EngineError `config`, `numeric`, `cancelled`, `disk`
 */
export function sparsifyStage(
  run: RunContext,
  bench: Workbench,
  candidate: Candidate,
  tokens: TokenPlan,
): Promise<Sparsified | null> {
  const { config, folder, signal } = run;
  if (config.sparsify.method === 'none') return Promise.resolve(null);
  const path = folder.stageFile(SPARSE_FILE);
  return run.stage('sparsify', {
    kept: keptSchema,
    restore: async ({ sha256, maps, verdict }): Promise<Sparsified> => {
      const from = { file: SPARSE_FILE, sha256, maps };
      const { subnet } = candidate;
      const weights = await readReformed(dirname(path), from, bench.weights, subnet, signal);
      return { weights, verdict };
    },
    work: async (progress) => {
      run.log('info', ZEROS_TAKE_TIME);
      const { weights, layers, verdict } = await sparsified(bench, candidate, tokens, {
        ...{ config, signal, progress },
        histograms: true,
        onLayer: (layer) => {
          run.tell({ kind: 'blockSparsified', block: layer.layer, maps: densitiesOf(layer) });
        },
      });
      if (verdict !== null) reportVerdict(run, 'sparsify', verdict);
      writeRecord(run, layers, bench);
      const maps = changedMaps(bench.weights, weights);
      const { sha256 } = await writeReformed(path, weights, candidate.subnet, maps, signal);
      return { sha256, maps, verdict };
    },
  });
}

/** What the stage keeps in the run folder. */
const keptSchema = Type.Object({
  sha256: Type.String(),
  maps: Type.Array(Type.Enum([...mapNames])),
  verdict: Type.Union([reformVerdictSchema, Type.Null()]),
});

/**
 * Makes a candidate sparse as a config says, whose method is not "none".
 * @throws EngineError `config`, `numeric`, `cancelled`
 */
export function sparsified(
  bench: Workbench,
  { weights, subnet }: Candidate,
  { calibration, search }: TokenPlan,
  options: {
    readonly config: ResolvedConfig;
    readonly signal: AbortSignal;
    readonly progress?: Progress;
    readonly histograms?: boolean;
    readonly onLayer?: (layer: SparseLayer) => void;
  },
): Promise<SparseModel> {
  const { config, signal, progress, histograms, onLayer } = options;
  const { forward, head, solver, gemm } = bench;
  return sparsify({
    ...{ forward, weights, subnet, signal, tools: { solver, gemm } },
    ...sparsityOf(config, weights.shape)!,
    batches: batchesOf(calibration),
    seed: config.seed,
    // The search has seen these windows, but chose no weights by them.
    judge: {
      ...{ head, dense: bench.weights, batches: batchesOf(search) },
      loss: config.search.fitness,
    },
    ...(histograms === undefined ? {} : { histograms }),
    ...(progress === undefined ? {} : { onProgress: progress }),
    ...(onLayer === undefined ? {} : { onLayer }),
  });
}

/** Bits first: who finds the record finds them too. */
function writeRecord(
  { config, folder }: RunContext,
  layers: readonly SparseLayer[],
  { weights }: Workbench,
): void {
  const plan = sparsityOf(config, weights.shape)!;
  const { record, bits } = recordOf(layers, config.sparsify.method, plan);
  replaceFile(folder.file(join(runFiles.masks, SPARSE_BITS_FILE)), bits);
  const text = `${JSON.stringify(record)}\n`;
  replaceFile(folder.file(join(runFiles.masks, SPARSE_RECORD_FILE)), text);
}
