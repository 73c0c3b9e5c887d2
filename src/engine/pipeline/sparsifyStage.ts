import { dirname, join } from 'node:path';
import * as Type from 'typebox';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { mapNames, SPARSE_BITS_FILE, SPARSE_RECORD_FILE } from '../../protocol/sparsityRecord.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { changedMaps, readReformed, writeReformed } from '../export/reformedWeights.ts';
import { replaceFile } from '../../files/writeFile.ts';
import { runFiles } from '../runs/runLayout.ts';
import { type SparseLayer, type SparseModel, sparsify } from '../sparsity/sequential.ts';
import type { Candidate } from './measureFigures.ts';
import type { Progress, RunContext } from './runContext.ts';
import { densitiesOf, recordOf } from './sparsityRecordOf.ts';
import { sparsityOf, ZEROS_TAKE_TIME } from './sparsityPlan.ts';
import type { Workbench } from './workbench.ts';

/** Name of the file that keeps the sparse weights of a run in its stages. */
export const SPARSE_FILE = 'sparse.safetensors';

/**
 * Puts zeros into the weights that a candidate keeps, as the config's `sparsify` section says, and
 * tells where they are (`masks/sparse.json` and `masks/sparse.bits`).
 * @param windows  calibration windows
 * @returns  the sparse weights, whose removed rows are as they were; null when none are asked for
 * @throws EngineError `config`, `numeric`, `cancelled`, `disk`
 */
export function sparsifyStage(
  run: RunContext,
  bench: Workbench,
  candidate: Candidate,
  windows: readonly Uint32Array[],
): Promise<ModelWeights | null> {
  const { config, folder, signal } = run;
  if (config.sparsify.method === 'none') return Promise.resolve(null);
  const path = folder.stageFile(SPARSE_FILE);
  return run.stage('sparsify', {
    kept: keptSchema,
    restore: ({ sha256, maps }) => {
      const from = { file: SPARSE_FILE, sha256, maps };
      return readReformed(dirname(path), from, bench.weights, candidate.subnet, signal);
    },
    work: async (progress) => {
      run.log('info', ZEROS_TAKE_TIME);
      const { weights, layers } = await sparsified(bench, candidate, windows, {
        ...{ config, signal, progress },
        histograms: true,
        onLayer: (layer) => {
          run.tell({ kind: 'blockSparsified', block: layer.layer, maps: densitiesOf(layer) });
        },
      });
      writeRecord(run, layers, bench);
      const maps = changedMaps(bench.weights, weights);
      const { sha256 } = await writeReformed(path, weights, candidate.subnet, maps, signal);
      return { sha256, maps };
    },
  });
}

const keptSchema = Type.Object({
  sha256: Type.String(),
  maps: Type.Array(Type.Enum([...mapNames])),
});

/**
 * Makes a candidate sparse as a config says, whose method is not "none".
 * @throws EngineError `config`, `numeric`, `cancelled`
 */
export function sparsified(
  { forward, solver, gemm }: Workbench,
  { weights, subnet }: Candidate,
  windows: readonly Uint32Array[],
  options: {
    readonly config: ResolvedConfig;
    readonly signal: AbortSignal;
    readonly progress?: Progress;
    readonly histograms?: boolean;
    readonly onLayer?: (layer: SparseLayer) => void;
  },
): Promise<SparseModel> {
  const { config, signal, progress, histograms, onLayer } = options;
  return sparsify({
    ...{ forward, weights, subnet, signal, tools: { solver, gemm } },
    ...sparsityOf(config, weights.shape)!,
    batches: batchesOf(windows),
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
