import { rmSync } from 'node:fs';
import { releaseQuietly } from '../../files/release.ts';
import type { Perplexity } from '../../protocol/perplexity.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { decoderPerplexity } from '../export/decoderPerplexity.ts';
import { decoderRows } from '../export/decoderRows.ts';
import { exportOnnx, type ExportOptions } from '../export/exportOnnx.ts';
import { type BlockFormat, formatOf } from '../quantise/blockFormat.ts';
import { quantiseModel } from '../quantise/quantiseModel.ts';
import type { QuantisedModel } from '../quantise/quantisedModel.ts';
import { roundModel } from '../quantise/roundModel.ts';
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

/** Tokens that rounding looks at, at most: some for each input of a map, and a small part of a run. */
const MOST_TOKENS = 32_768;
/** One in this many calibration windows only judges how rounding went. */
const JUDGING = 8;

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
  let made: Promise<QuantisedCandidate> | undefined;
  const make = async (progress?: Progress): Promise<QuantisedCandidate> => {
    const { bits, blockSize } = format;
    run.log(
      'info',
      `The linear maps of the ONNX decoder become ${bits}-bit integers, ${blockSize} to a scale; its embedding and head stay as they are.`,
    );
    const quantised = await rounded(run, bench, { candidate, windows, format }, progress);
    return { weights: quantised.weights, subnet: candidate.subnet, quantised };
  };
  return (progress) => (made ??= make(progress));
}

/**
 * 8 bits are rounded to nearest, which costs next to nothing already. 4 bits are rounded one input
 * after the other, if that does better on windows that it has not looked at.
 */
async function rounded(
  run: RunContext,
  { forward, head, gemm }: Workbench,
  from: {
    readonly candidate: Candidate;
    readonly windows: readonly Uint32Array[];
    readonly format: BlockFormat;
  },
  progress: Progress | undefined,
): Promise<QuantisedModel> {
  const { candidate, windows, format } = from;
  const { signal } = run;
  const { subnet } = candidate;
  const nearest = await roundModel(candidate.weights, subnet, format, decoderRows);
  if (format.bits === 8) return nearest;
  const judging = windows.slice(0, Math.ceil(windows.length / JUDGING));
  const others = windows.length > judging.length ? windows.slice(judging.length) : judging;
  const count = Math.max(1, Math.floor(MOST_TOKENS / (windows[0]?.length ?? 1)));
  const swept = await quantiseModel({
    ...{ ...candidate, forward, gemm, format, layoutOf: decoderRows, signal },
    batches: batchesOf(others.slice(0, count)),
    ...(progress === undefined ? {} : { onProgress: progress }),
  });
  const lossOf = async (model: QuantisedModel): Promise<number> =>
    (await perplexityOf(forward, head, { weights: model.weights, subnet }, judging, { signal }))
      .lossNats;
  const [plain, better] = [await lossOf(nearest), await lossOf(swept)];
  const kept = better < plain ? 'input by input' : 'to nearest';
  run.log(
    'info',
    `Loss on ${judging.length} other windows: ${plain.toFixed(4)} rounded to nearest, ${better.toFixed(4)} input by input; kept ${kept}.`,
  );
  return better < plain ? swept : nearest;
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
): Promise<Perplexity> {
  const { folder, onProgress, signal } = options;
  try {
    const { path } = await exportOnnx(folder, weights, subnet, { ...options, quantised });
    const { vocab } = weights.shape;
    return await decoderPerplexity(runtime, path, vocab, windows, { signal, onProgress });
  } finally {
    releaseQuietly(() => {
      rmSync(folder, { recursive: true, force: true });
    });
  }
}
