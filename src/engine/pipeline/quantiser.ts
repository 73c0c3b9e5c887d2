import { rmSync } from 'node:fs';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { decoderPerplexity } from '../export/decoderPerplexity.ts';
import { decoderRows } from '../export/decoderRows.ts';
import { exportOnnx, type ExportOptions } from '../export/exportOnnx.ts';
import { formatOf } from '../quantise/blockFormat.ts';
import { quantiseModel } from '../quantise/quantiseModel.ts';
import type { QuantisedModel } from '../quantise/quantisedModel.ts';
import type { Candidate } from './measureFigures.ts';
import type { Progress, RunContext } from './runContext.ts';
import type { Workbench } from './workbench.ts';

/** A candidate with the integers that its linear maps were rounded to. */
export interface QuantisedCandidate extends Candidate {
  /** Its weights are those of the candidate. */
  readonly quantised: QuantisedModel;
}

/** Rounds a candidate when it is asked for the first time, and keeps the result. */
export type Quantiser = (progress?: Progress) => Promise<QuantisedCandidate>;

/**
 * Tokens that rounding looks at: ten times the widest input of models this is made for, and a small
 * part of a run. More was not better.
 */
const MOST_TOKENS = 32_768;

/**
 * What rounds a candidate as the config's `export` section says; null when it says "none".
 * @param windows  calibration windows
 */
export function quantiserOf(
  run: RunContext,
  bench: Workbench,
  candidate: Candidate,
  windows: readonly Uint32Array[],
): Quantiser | null {
  const format = formatOf(run.config.export);
  if (format === null) return null;
  const { forward, gemm, weights } = bench;
  const { signal } = run;
  const count = Math.max(1, Math.floor(MOST_TOKENS / (windows[0]?.length ?? 1)));
  let made: Promise<QuantisedCandidate> | undefined;
  const make = async (progress?: Progress): Promise<QuantisedCandidate> => {
    const { bits, blockSize } = format;
    run.log(
      'info',
      `The linear maps of the ONNX decoder become ${bits}-bit integers, ${blockSize} to a scale; its embedding and head stay as they are.`,
    );
    const quantised = await quantiseModel({
      ...{ ...candidate, forward, gemm, format, signal },
      batches: batchesOf(windows.slice(0, count)),
      rowsOf: (mask) => decoderRows(weights.shape, mask),
      ...(progress === undefined ? {} : { onProgress: progress }),
    });
    return { weights: quantised.weights, subnet: candidate.subnet, quantised };
  };
  return (progress) => (made ??= make(progress));
}

/**
 * Perplexity of the decoder that is written for a rounded candidate, as it runs.
 * @param folder  for the decoder; removed afterwards
 */
export async function quantisedPerplexity(
  { runtime }: Pick<Workbench, 'runtime'>,
  { weights, subnet, quantised }: QuantisedCandidate,
  windows: readonly Uint32Array[],
  options: ExportOptions & {
    readonly folder: string;
    readonly onProgress: (windowsDone: number) => void;
  },
): Promise<number> {
  const { folder, onProgress, signal } = options;
  try {
    const { path } = await exportOnnx(folder, weights, subnet, { ...options, quantised });
    const { vocab } = weights.shape;
    return await decoderPerplexity(runtime, path, vocab, windows, { signal, onProgress });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
