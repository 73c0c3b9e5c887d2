import type { StageEstimate } from '../../protocol/estimate.ts';
import type { StageName } from '../../protocol/runRecord.ts';
import { bytesText } from '../../protocol/sizeText.ts';
import { VISITS } from '../export/measure.ts';
import { formatOf } from '../quantise/blockFormat.ts';
import { heldShareOf, refitsAllOf } from '../reformation/heldBack.ts';
import { type SparsityMethod, wishOf } from '../sparsity/method.ts';
import { blockBudget } from '../model/cost.ts';
import { batchesOf, bodyFlops, headFlops, keptShare, paramsOf } from './estimateFlops.ts';
import { levelSearchWork, levelsWork } from './estimateLevels.ts';
import { peakBytes, type EstimatedWork } from './estimateSpace.ts';
import { DECODED_TOKENS, PROMPT_TOKENS, TIMED_ROUNDS } from './measureFigures.ts';
import { candidatesOf, evolveOptionsOf } from './searchOptions.ts';
import { isSparsityOnly, type RunSparsity, sparsityOf } from './sparsityPlan.ts';

/** A run's work with the rates it would be done at. */
export interface RatedWork extends EstimatedWork {
  /** Float32 MatMul of the device, GFLOP/s. */
  readonly rate: number;
  /** The same of the CPU, which does what needs float64. */
  readonly cpuRate: number;
}

/** Work of a stage. */
export interface Work {
  /** Float32 operations on the device. */
  readonly flops: number;
  /** Float64 operations on the CPU. */
  readonly flops64?: number;
  /** Native calls. */
  readonly calls?: number;
  /** Bytes read, hashed or written. */
  readonly bytes?: number;
  /** Time that none of these explains. */
  readonly ms?: number;
  /** What is done, for people. */
  readonly what: string;
}

/** Forward pass over a MatMul of 1024³, large model (scripts/bench, forwardBench: 0.85 to 0.95). */
const FORWARD_EFFICIENCY = 0.85;
/**
 * Float64 factorisation and solves over the float32 rate: half of it by the width of the numbers,
 * half again for panels (scripts/bench, solverBench).
 */
const SOLVER_EFFICIENCY = 0.25;
/** One native call with its gathering of rows, ms; what is left of a step of the bundled model. */
const CALL_MS = 0.35;
/** Reading, hashing and converting weights, bytes per ms; measured on one core. */
const DISK_BYTES_PER_MS = 300_000;
/** Loading the libraries and trying the devices, ms. */
const START_MS = 1000;
/** Text to tokens, bytes per ms. */
const TEXT_BYTES_PER_MS = 1_000;
/** Share of the blocks a candidate computes; the rest comes from the cache of its parent. */
const UNCACHED_SHARE = 0.9;
/** Rounds of timing, with one in each visit that warms up. */
const ROUNDS = VISITS + TIMED_ROUNDS;
/** Tokens that go through a decoder one by one in a round: one before the prompt, the rest after it. */
const SINGLE_TOKENS = 1 + DECODED_TOKENS;
/** Writing, loading and building a session of a decoder, and a process for its memory, ms. */
const DECODER_MS = 600;
/** Tokens on which an export is compared, one by one and whole (see writeExports). */
const COMPARED_TOKENS = 2 * 2 * 48;

/**
 * Time and memory of every stage. Times come from counted operations over the device's rate; expect
 * them within a factor of three on a machine that does nothing else.
 */
export function estimateStages(rated: RatedWork): StageEstimate[] {
  const peaks = peakBytes(rated);
  const { config, shape } = rated;
  const sparsity = sparsityOf(config, shape);
  const work: Partial<Record<StageName, Work>> = {
    import: importWork(rated),
    ...(isSparsityOnly(config) ? {} : subnetWork(rated)),
    ...(sparsity === null ? {} : { sparsify: sparsifyWork(rated, sparsity) }),
    evaluate: evaluateWork(rated),
    export: exportWork(rated),
  };
  return (Object.entries(work) as [StageName, Work][]).map(([stage, one]) => ({
    stage,
    ms: timeOf(one, rated),
    peakBytes: Math.ceil(peaks[stage]),
    why: whyOf(one, rated),
  }));
}

/** Work of the stages that find a subnet. */
function subnetWork(rated: RatedWork): Partial<Record<StageName, Work>> {
  const ofLevels = rated.config.method === 'levels';
  const search = ofLevels ? levelSearchWork : searchWork;
  return {
    calibrate: ofLevels ? levelsWork(rated, calibrateWork(rated)) : calibrateWork(rated),
    score: { flops: 0, ms: 20, what: 'Choosing the initial and the random subnet' },
    ...(rated.config.search.enabled ? { search: search(rated) } : {}),
    ...(rated.config.reform.method === 'none' ? {} : { reform: reformWork(rated) }),
  };
}

function timeOf(
  { flops, flops64 = 0, calls = 0, bytes = 0, ms = 0 }: Work,
  rated: RatedWork,
): number {
  const forward = flops / (rated.rate * FORWARD_EFFICIENCY * 1e6);
  const solving = flops64 / (rated.cpuRate * SOLVER_EFFICIENCY * 1e6);
  return forward + solving + calls * CALL_MS + bytes / DISK_BYTES_PER_MS + ms;
}

function whyOf({ what, flops, flops64 = 0, bytes = 0 }: Work, { rate }: RatedWork): string {
  const parts = [
    ...(flops > 0 ? [`${short(flops / 1e9)} GFLOP at ${short(rate)} GFLOP/s`] : []),
    ...(flops64 > 0 ? [`${short(flops64 / 1e9)} GFLOP in double precision on the CPU`] : []),
    ...(bytes > 0 ? [`${bytesText(bytes)} to read or write`] : []),
  ];
  return `${what}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}.`;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2);
}

function importWork({ counts, checkpointBytes }: RatedWork): Work {
  const ms = START_MS + counts.textBytes / TEXT_BYTES_PER_MS;
  return { flops: 0, bytes: 2 * checkpointBytes, ms, what: 'Reading the model and the texts' };
}

function calibrateWork(rated: RatedWork): Work {
  const { shape, config, counts } = rated;
  const [windows, length] = counts.calibration;
  const tokens = windows * length;
  const widths = [shape.hidden, shape.heads * shape.headDim, shape.hidden, shape.intermediate];
  const squares = widths.reduce((sum, width) => sum + width ** 2, 0);
  const cubes = widths.reduce((sum, width) => sum + width ** 3, 0);
  const forward = bodyFlops(rated, tokens, length, 1);
  const batches = batchesOf(tokens, length);
  return {
    flops: forward + 2 * tokens * shape.layers * squares,
    flops64: config.importance.score === 'obs' ? shape.layers * cubes * (4 / 3) : 0,
    // A sublayer, its statistics and the hand-over of its inputs.
    calls: shape.layers * batches * 2 * 3,
    // Sums and hand-overs of every token in plain code.
    ms: (tokens * shape.layers * widths.reduce((a, b) => a + b, 0) * 3) / HOST_VALUES_PER_MS,
    what: `${windows} windows of ${length} tokens through the dense model, and their statistics`,
  };
}

/** Values that plain code adds up, per ms. */
const HOST_VALUES_PER_MS = 500_000;

function searchWork(rated: RatedWork): Work {
  const { shape, config, counts } = rated;
  const [windows, length] = counts.search;
  const tokens = windows * length;
  const candidates = candidatesOf(evolveOptionsOf(config.search));
  const body = bodyFlops(rated, tokens, length, keptShare(rated)) * UNCACHED_SHARE;
  const batches = batchesOf(tokens, length);
  return {
    flops: candidates * (body + headFlops(rated, tokens)),
    calls: candidates * batches * (2 * shape.layers * UNCACHED_SHARE + 4),
    what: `${candidates} candidates, each on ${windows} windows of ${length} tokens`,
  };
}

function reformWork(rated: RatedWork): Work {
  const { shape, config, counts } = rated;
  const length = counts.calibration[1];
  const windows = Math.min(counts.calibration[0], config.reform.windows);
  const tokens = windows * length;
  const share = keptShare(rated);
  // A fit to all tokens follows the trial where the trial misses much.
  const passes = refitsAllOf(windows, length) ? 2 : 1;
  const kept = [shape.heads * shape.headDim, shape.intermediate].map((width) =>
    config.reform.method === 'admm' ? width : width * share,
  );
  const squares = kept.reduce((sum, width) => sum + width * (width + shape.hidden), 0);
  // One fit per damping, one to all tokens; a factorisation and a solve each.
  const fits = config.reform.damping.length + passes - 1;
  const steps = config.reform.method === 'admm' ? config.reform.iterations : 1;
  const solves = kept.reduce(
    (sum, width) => sum + width ** 3 / 3 + 2 * (steps + 1) * width ** 2 * shape.hidden,
    0,
  );
  const forward =
    bodyFlops(rated, tokens, length, 1) + 2 * passes * bodyFlops(rated, tokens, length, share);
  const judged = heldShareOf(windows, length) * tokens;
  return {
    flops:
      forward + judgeFlops(rated, judged, length) + 2 * passes * tokens * shape.layers * squares,
    flops64: shape.layers * fits * solves,
    calls: shape.layers * (batchesOf(tokens, length) * 4 * passes + batchesOf(judged, length)) * 2,
    ms: (passes * tokens * shape.layers * 3 * (sum(kept) + 6 * shape.hidden)) / HOST_VALUES_PER_MS,
    what: `${tokens} tokens through the dense model and the subnet, and ${2 * shape.layers} fits`,
  };
}

/** The dense model and the subnet before and after a refit, whose loss and distance are judged. */
function judgeFlops(rated: RatedWork, tokens: number, length: number): number {
  const bodies = (share: number): number => bodyFlops(rated, tokens, length, share);
  return bodies(1) + JUDGED_MODELS * (bodies(keptShare(rated)) + 2 * headFlops(rated, tokens));
}

/** The subnet without the refit, with all of it, and mostly with half of it. */
const JUDGED_MODELS = 3;

function sparsifyWork(rated: RatedWork, { method, scope }: RunSparsity): Work {
  const { shape, counts } = rated;
  const { hidden, layers } = shape;
  const [windows, length] = counts.calibration;
  const tokens = windows * length;
  const share = keptShare(rated);
  const maps = mapSizes(shape, scope, share);
  const weights = layers * sum(maps.map(({ inputs, outputs }) => inputs * outputs));
  const ms = weights / SCORED_WEIGHTS_PER_MS;
  const wish = wishOf(method);
  if (wish === null) return { flops: 0, ms, what: 'Zeros by the size of the weights' };
  const refits = method.refit !== null;
  const body = bodyFlops(rated, tokens, length, share);
  const touched = (body * weights) / (share * layers * blockBudget(shape, 1));
  // What enters q, k, v, gate and up is the hidden width; what enters o and down is narrowed.
  const inner = maps.filter(({ last }) => last).map(({ inputs }) => inputs);
  const squares = sum(inner.map((width) => width ** 2 + hidden ** 2));
  const crosses = sum(inner.map((width) => width ** 2 + width * hidden));
  const normed = inner.length * hidden ** 2;
  const moments = (wish.gram ? squares : 0) + (refits ? crosses + normed : 0);
  const [judging, judgedLength] = counts.search;
  const judged = refits ? judgeFlops(rated, judging * judgedLength, judgedLength) : 0;
  const products = refitsAllOf(windows, length) ? REFIT_PRODUCTS : TRIAL_PRODUCTS;
  return {
    // The sparse stream and, where it is followed, the other one; what is looked at goes through again.
    flops: (body + touched) * (refits ? 2 : 1) + 2 * tokens * layers * moments + judged,
    flops64: layers * sum(maps.map((map) => solvedFlops(map, method, products))),
    calls: layers * batchesOf(tokens, length) * inner.length * (refits ? 6 : 3),
    ms: ms + (wish.gram || refits ? (2 * tokens * layers * sum(inner)) / HOST_VALUES_PER_MS : 0),
    what: `${windows} windows of ${length} tokens, and zeros in ${maps.length} maps of each block`,
  };
}

/** Weights whose scores are compared and counted, per ms. */
const SCORED_WEIGHTS_PER_MS = 20_000;
/** Steps of a refit, products before and after them, and those that judge it. */
const TRIAL_PRODUCTS = 19;
/** The same with a second fit that begins where the first one ended. */
const REFIT_PRODUCTS = 32;

/** Sizes of the maps that are made sparse, in a block of even widths. */
function mapSizes(
  { heads, kvHeads, headDim, hidden, intermediate, mlp }: EstimatedWork['shape'],
  scope: RunSparsity['scope'],
  share: number,
): { readonly inputs: number; readonly outputs: number; readonly last: boolean }[] {
  const reads = (width: number): { inputs: number; outputs: number; last: boolean } => ({
    ...{ inputs: hidden, outputs: width * share, last: false },
  });
  const ends = (width: number): { inputs: number; outputs: number; last: boolean } => ({
    ...{ inputs: width * share, outputs: hidden, last: true },
  });
  const [query, keyValue] = [heads * headDim, kvHeads * headDim];
  return [
    ...(scope === 'all' ? [reads(query), reads(keyValue), reads(keyValue), ends(query)] : []),
    ...(mlp.gated ? [reads(intermediate)] : []),
    ...[reads(intermediate), ends(intermediate)],
  ];
}

function solvedFlops(
  { inputs, outputs }: { readonly inputs: number; readonly outputs: number },
  { rule, refit }: SparsityMethod,
  products: number,
): number {
  const swept = rule === 'sparsegpt' ? inputs ** 3 + inputs ** 2 * outputs : 0;
  return swept + (refit === null ? 0 : 2 * products * inputs ** 2 * outputs);
}

function evaluateWork(rated: RatedWork): Work {
  const { shape, config, counts } = rated;
  const [windows, length] = counts.heldout;
  const tokens = windows * length;
  const subnets = subnetsOf(rated);
  const body = (share: number, count: number): number => bodyFlops(rated, count, length, share);
  const judged = body(1, tokens) + subnets * body(keptShare(rated), tokens);
  const timedTokens = Math.min(PROMPT_TOKENS, length) + SINGLE_TOKENS;
  const zeros = config.sparsify.method === 'none' ? 0 : 1;
  const random = config.evaluation.random ? 1 : 0;
  const integers = formatOf(config.export) === null ? 0 : 1;
  const beside = Math.min(subnets, 2 + random + zeros) + integers;
  // Beside each of them the dense model takes a turn.
  const turns = 2 * beside * ROUNDS;
  const timed = turns * (body(1, timedTokens) + headFlops(rated, timedTokens));
  const decodedBytes = turns * SINGLE_TOKENS * 4 * paramsOf(rated);
  return {
    flops: judged + (1 + subnets) * headFlops(rated, tokens) + timed,
    calls: (1 + subnets) * batchesOf(tokens, length) * (2 * shape.layers + 4),
    bytes: (1 + beside) * 4 * paramsOf(rated),
    ms: (1 + VISITS * beside) * DECODER_MS + decodedBytes / MEMORY_BYTES_PER_MS,
    what: `${1 + subnets} models on ${windows} windows of ${length} tokens, ${1 + beside} timed`,
  };
}

/** Weights that a decoder streams from memory, bytes per ms: a token is bound by that. */
const MEMORY_BYTES_PER_MS = 10_000_000;

function exportWork(rated: RatedWork): Work {
  const { config } = rated;
  const forms = (config.export.checkpoint ? 1 : 0) + (config.export.onnx ? 1 : 0);
  const share = keptShare(rated);
  const compared = bodyFlops(rated, COMPARED_TOKENS, 48, share) + headFlops(rated, COMPARED_TOKENS);
  return {
    flops: (1 + forms) * compared,
    // Written, then read again to be compared.
    bytes: 2 * (forms + 1) * 4 * paramsOf(rated) * share,
    calls: (1 + forms) * COMPARED_TOKENS,
    ms: forms * DECODER_MS,
    what: `${forms} forms, each written, loaded again and compared`,
  };
}

/** Candidates of the run's table besides the dense model. */
function subnetsOf({ config }: RatedWork): number {
  if (isSparsityOnly(config)) return 1;
  const rows = [
    config.evaluation.random,
    true,
    config.search.enabled,
    config.reform.method !== 'none',
    config.sparsify.method !== 'none',
  ];
  return rows.filter(Boolean).length;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
