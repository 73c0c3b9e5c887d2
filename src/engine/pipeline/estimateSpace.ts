import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { StageName } from '../../protocol/runRecord.ts';
import { calibrationBytes } from '../calibration/collect.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { weightBytes } from '../checkpoint/weightBytes.ts';
import { quantiseBytes, quantisedBytes } from '../quantise/quantiseModel.ts';
import { decoderBytes } from '../export/decoderBytes.ts';
import { lossBytes } from '../graphs/lossHead.ts';
import { reformationBytes } from '../reformation/reform.ts';
import { formatOf, SCALE_BYTES } from '../quantise/blockFormat.ts';
import { sparsifyBytes } from '../sparsity/sparsifyBytes.ts';
import { blockBudget, countParameters } from '../model/cost.ts';
import { denseSubnet } from '../model/subnet.ts';
import { childrenOf, levelsMemory, levelsOnDisk } from './estimateLevels.ts';
import type { WindowCounts } from './estimateWindows.ts';
import { timedLengths } from './measureFigures.ts';
import { MOST_ROUNDING_TOKENS } from './quantiser.ts';
import { candidatesOf, evolveOptionsOf } from './searchOptions.ts';
import { PREFIX_CACHE_BYTES } from './searchStage.ts';
import { isSearched, isSparsityOnly, sparsityOf } from './sparsityPlan.ts';

/** What a dry run has found out about a run before it works out times and sizes. */
export interface EstimatedWork {
  readonly shape: ModelShape;
  readonly config: ResolvedConfig;
  readonly counts: WindowCounts;
  /** Bytes of the source's weight files. */
  readonly checkpointBytes: number;
}

/** The process with its libraries, activations and what it has not collected yet, bytes. */
const PROCESS_BYTES = 300e6;
/** Stages whose memory is that of the weights and the process. */
const PLAIN: readonly StageName[] = ['import', 'score'];

/** Memory of each stage at its peak, bytes, weights included. */
export function peakBytes(work: EstimatedWork): Record<StageName, number> {
  const { shape, config, counts } = work;
  const ofLevels = config.method === 'levels' && !isSparsityOnly(config);
  const levels = ofLevels ? levelsMemory(work) : null;
  const held = weightBytes(shape) + PROCESS_BYTES;
  const tokens = counts.calibration[0] * counts.calibration[1];
  const reformTokens =
    Math.min(counts.calibration[0], config.reform.windows) * counts.calibration[1];
  const streams = 2 * 4 * shape.hidden * counts.search[0] * counts.search[1];
  const sparsity = sparsityOf(config, shape);
  // Weights that later stages work on beside those of the source.
  const changed =
    config.reform.method === 'none' || isSparsityOnly(config) ? 0 : weightBytes(shape);
  const zeros = sparsity === null ? 0 : weightBytes(shape);
  // The start and what was found, each with the output maps of its levels.
  const chosen = levels === null ? 0 : 2 * levels.chosen;
  const made = held + changed + zeros + chosen;
  // KL has a graph of its own for the dense model.
  const losses = lossBytes(shape) * (config.search.fitness === 'kl' ? 2 : 1);
  const { integers, rounding } = integerBytes(shape, config, tokens);
  const { whole, subnet } = decodersOf(shape, config, counts.heldout[1]);
  const plain = Object.fromEntries(PLAIN.map((stage) => [stage, held]));
  return {
    ...(plain as Record<'import' | 'score', number>),
    calibrate: held + (levels?.calibrate ?? calibrationBytes(shape, tokens)),
    search: held + losses + (levels?.search ?? PREFIX_CACHE_BYTES + streams),
    reform:
      held +
      chosen / 2 +
      (config.reform.method === 'none' ? 0 : losses + reformationBytes(shape, reformTokens)),
    sparsify:
      held +
      changed +
      (sparsity === null ? 0 : losses + sparsifyBytes(shape, { ...sparsity, tokens })),
    // What losses keep is released before decoders are timed.
    evaluate: made + Math.max(losses + rounding, integers + whole + subnet),
    // What is written is loaded again.
    export: made + integers + subnet,
  };
}

/** Bytes of a rounded candidate, and of rounding it; 0 where an export stores floats. */
function integerBytes(
  shape: ModelShape,
  config: ResolvedConfig,
  tokens: number,
): { readonly integers: number; readonly rounding: number } {
  const format = formatOf(config.export);
  if (format === null) return { integers: 0, rounding: 0 };
  const integers = quantisedBytes(shape, format);
  if (format.bits === 8) return { integers, rounding: integers };
  // Beside the model rounded to nearest, with which it is compared.
  const seen = Math.min(tokens, MOST_ROUNDING_TOKENS);
  return { integers, rounding: integers + quantiseBytes(shape, format, seen) };
}

/**
 * Memory of the decoders that are timed side by side, bytes: the dense one and that of a subnet on
 * the budget.
 * @param available  tokens of a held-out window
 */
export function decodersOf(
  shape: ModelShape,
  config: ResolvedConfig,
  available: number,
): { readonly whole: number; readonly subnet: number } {
  const { promptTokens } = timedLengths(shape.maxPositions, available);
  const { denseTotal } = countParameters(shape, denseSubnet(shape));
  return {
    whole: decoderBytes(shape, denseTotal, promptTokens),
    subnet: decoderBytes(shape, keptParameters(shape, config), promptTokens),
  };
}

/** Parameters of a subnet on the budget. */
function keptParameters(shape: ModelShape, { ratio }: ResolvedConfig): number {
  const { denseTotal, denseBlock } = countParameters(shape, denseSubnet(shape));
  return denseTotal - denseBlock + blockBudget(shape, ratio);
}

const BYTES_OF = { float32: 4, float16: 2, bfloat16: 2 } as const;

/** Candidates that a run judges at most. */
export function candidatesIn(config: ResolvedConfig): number {
  if (!isSearched(config)) return 0;
  return config.method === 'levels'
    ? childrenOf(config)
    : candidatesOf(evolveOptionsOf(config.search));
}

/** Bytes a run writes: exports, reformed weights, scores, masks of candidates. */
export function diskBytes({ shape, config, counts, checkpointBytes }: EstimatedWork): number {
  const ofLevels = config.method === 'levels' && !isSparsityOnly(config);
  const { denseTotal, denseBlock } = countParameters(shape, denseSubnet(shape));
  const { dtype, checkpoint, onnx } = config.export;
  const wide = dtype === 'source' ? checkpointBytes / denseTotal : BYTES_OF[dtype];
  const kept = keptParameters(shape, config);
  const format = formatOf(config.export);
  const narrow = format === null ? wide : format.bits / 8 + SCALE_BYTES / format.blockSize;
  const decoder = kept * wide - blockBudget(shape, config.ratio) * (wide - narrow);
  const forms = (checkpoint ? kept * wide : 0) + (onnx ? decoder : 0);
  const outputs = shape.layers * (shape.heads * shape.headDim + shape.intermediate) * shape.hidden;
  const blocks = 4 * denseBlock * config.ratio;
  const sparse = config.sparsify.method !== 'none';
  const isReformed = config.reform.method !== 'none' && !isSparsityOnly(config);
  // Changed weights: one copy in stages/, one beside subnet.json, which holds the last change only.
  const copies = isReformed ? 4 * outputs * config.ratio : 0;
  const reformed = sparse ? copies + (2 + 1 / 32) * blocks : 2 * copies;
  const units = shape.layers * (shape.kvHeads * 2 * shape.headDim + shape.intermediate);
  const candidates = candidatesIn(config);
  // Timing writes decoders of every contestant for a while.
  const measured = (denseTotal + (sparse ? 4 : 3) * kept) * wide + (format === null ? 0 : decoder);
  const masks = (candidates * units) / 8 + 20 * candidates * 20;
  const levels = ofLevels ? levelsOnDisk({ shape, config, counts }) : 0;
  return Math.ceil(forms + reformed + 8 * units + masks + measured + levels);
}
