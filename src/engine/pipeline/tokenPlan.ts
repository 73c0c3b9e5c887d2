import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { TextTokenizer } from '../tokenizer/loadTokenizer.ts';
import { splitTokens, windowsOf } from '../tokenizer/tokenWindows.ts';
import { textChunks } from './readText.ts';
import { windowLength } from './windowLength.ts';

/** The windows of a run; no token is in two of the three groups. */
export interface TokenPlan {
  /** Statistics and reformation. */
  readonly calibration: readonly Uint32Array[];
  /** Fitness of candidates. */
  readonly search: readonly Uint32Array[];
  /** Final figures. */
  readonly heldout: readonly Uint32Array[];
}

/** One part in so many of the calibration text judges candidates instead of feeding statistics. */
const SEARCH_EVERY = 4;
/** Parts a text is cut into, so that both groups come from all of it: texts change on the way. */
const MOST_PARTS = 64;
/** Share of the text, its end, that is held out when no held-out text is given. */
export const HELDOUT_SHARE = 0.1;
/** Tokens of a long calibration text that are read: so many times what its windows need, … */
const TIMES_NEEDED = 16;
/** … and at least so many. */
const LEAST_TOKENS = 4_000_000;

/**
 * Reads the texts of a run and cuts them into disjoint groups of windows.
 *
 * Windows longer than the model's positions are cut to these. A text with fewer windows than asked
 * for gives all it has.
 * @throws EngineError `text` when a text is missing, is not UTF-8 or has not one window;
 *   `checkpoint` when the model has one position
 */
export async function planTokens(
  config: ResolvedConfig,
  shape: ModelShape,
  tokenizer: TextTokenizer,
  signal: AbortSignal,
): Promise<TokenPlan> {
  const capped = (length: number): number => windowLength(length, shape);
  const longest = capped(Math.max(config.calibration.length, config.search.length));
  const tokens = await tokenizer.encode(textChunks(config.text), {
    signal,
    most: mostCalibrationTokens(config, shape),
  });
  const [known, rest] = splitTokens(
    tokens,
    config.heldout === null ? [1 - HELDOUT_SHARE, HELDOUT_SHARE] : [1, 0],
  ) as [Uint32Array, Uint32Array];
  const { calibration, search } = interleaved(known, longest);
  const start = shape.startToken;
  const heldout =
    config.heldout === null
      ? judgedWindows(rest, config, shape)
      : await heldoutWindows(config.heldout, config, shape, tokenizer, signal);
  return {
    calibration: draw(calibration, capped(config.calibration.length), {
      count: config.calibration.windows,
      seed: config.seed,
      start,
    }),
    search: draw(search, capped(config.search.length), {
      count: config.search.windows,
      // Another stream than calibration's, so that one group's places tell nothing of the other's.
      seed: config.seed + 1,
      start,
    }),
    heldout,
  };
}

/**
 * The windows of a text on which models are judged, from its start on, as a config evaluates.
 * @throws EngineError `text` when the text is missing, is not UTF-8 or has not one window
 */
export async function heldoutWindows(
  path: string,
  config: ResolvedConfig,
  shape: ModelShape,
  tokenizer: TextTokenizer,
  signal: AbortSignal,
): Promise<readonly Uint32Array[]> {
  const { maxWindows, context } = config.evaluation;
  // Windows follow each other from the start, so the rest of a long text is not looked at.
  const most = maxWindows === 0 ? undefined : maxWindows * windowLength(context, shape);
  const tokens = await tokenizer.encode(textChunks(path), { signal, most });
  return judgedWindows(tokens, config, shape);
}

function judgedWindows(
  tokens: Uint32Array,
  { evaluation }: ResolvedConfig,
  shape: ModelShape,
): readonly Uint32Array[] {
  const { maxWindows } = evaluation;
  const context = windowLength(evaluation.context, shape);
  const start = shape.startToken;
  const all = windowsOf(tokens, context, 'all', { mode: 'contiguous', start });
  return maxWindows === 0 ? all : all.slice(0, maxWindows);
}

/**
 * How far a calibration text is read; windows are drawn from all of this part.
 * @returns tokens; Infinity when all of what is held out of the text is evaluated
 */
export function mostCalibrationTokens(config: ResolvedConfig, shape: ModelShape): number {
  const { calibration, search, evaluation, heldout } = config;
  if (heldout === null && evaluation.maxWindows === 0) return Infinity;
  const tokensOf = (windows: number, length: number): number =>
    windows * windowLength(length, shape);
  const known = heldout === null ? 1 - HELDOUT_SHARE : 1;
  const needed = [
    tokensOf(calibration.windows, calibration.length) / (known * (1 - 1 / SEARCH_EVERY)),
    tokensOf(search.windows, search.length) / (known / SEARCH_EVERY),
    heldout === null ? tokensOf(evaluation.maxWindows, evaluation.context) / HELDOUT_SHARE : 0,
  ];
  return Math.max(LEAST_TOKENS, Math.ceil(TIMES_NEEDED * Math.max(...needed)));
}

/**
 * Deals a text out in equal parts, every fourth to the search, the others to calibration; fewer,
 * larger parts where they would be shorter than a window.
 */
function interleaved(
  tokens: Uint32Array,
  longest: number,
): { calibration: Uint32Array; search: Uint32Array } {
  const fitting = Math.floor(tokens.length / longest / SEARCH_EVERY) * SEARCH_EVERY;
  const count = Math.max(SEARCH_EVERY, Math.min(MOST_PARTS, fitting));
  const parts = splitTokens(tokens, new Array<number>(count).fill(1 / count));
  const isSearch = (i: number): boolean => i % SEARCH_EVERY === SEARCH_EVERY - 1;
  return {
    calibration: joined(parts.filter((_, i) => !isSearch(i))),
    search: joined(parts.filter((_, i) => isSearch(i))),
  };
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const out = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Seeded windows; when the text has no more than that many, all of them, one after the other. */
function draw(
  tokens: Uint32Array,
  length: number,
  how: { readonly count: number; readonly seed: number; readonly start: number | undefined },
): Uint32Array[] {
  const { count, seed, start } = how;
  const all = windowsOf(tokens, length, 'all', { mode: 'contiguous', start });
  if (all.length <= count) return all;
  return windowsOf(tokens, length, count, { mode: 'random', seed, start });
}
