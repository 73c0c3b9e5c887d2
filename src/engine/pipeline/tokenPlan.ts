import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelShape } from '../checkpoint/modelShape.ts';
import type { TextTokenizer } from '../tokenizer/loadTokenizer.ts';
import { splitTokens, windowsOf } from '../tokenizer/tokenWindows.ts';
import { readText } from './readText.ts';

/** The windows of a run; no token is in two of the three groups. */
export interface TokenPlan {
  /** Statistics and reformation. */
  readonly calibration: readonly Uint32Array[];
  /** Fitness of candidates. */
  readonly search: readonly Uint32Array[];
  /** Final figures. */
  readonly heldout: readonly Uint32Array[];
}

/** Share of the calibration text that judges candidates instead of feeding statistics. */
const SEARCH_SHARE = 0.25;
/** Share of the text that is held out when no held-out text is given. */
const HELDOUT_SHARE = 0.1;

/**
 * Reads the texts of a run and cuts them into disjoint groups of windows.
 *
 * Windows longer than the model's positions are cut to these. A text with fewer windows than asked
 * for gives all it has.
 * @throws EngineError `text` when a text is missing, is not UTF-8 or has not one window
 */
export async function planTokens(
  config: ResolvedConfig,
  shape: ModelShape,
  tokenizer: TextTokenizer,
  signal: AbortSignal,
): Promise<TokenPlan> {
  const encode = async (path: string): Promise<Uint32Array> =>
    tokenizer.encodeLong(await readText(path), signal);
  const tokens = await encode(config.text);
  const [known, rest] = splitTokens(
    tokens,
    config.heldout === null ? [1 - HELDOUT_SHARE, HELDOUT_SHARE] : [1, 0],
  ) as [Uint32Array, Uint32Array];
  const heldout = config.heldout === null ? rest : await encode(config.heldout);
  const [calibration, search] = splitTokens(known, [1 - SEARCH_SHARE, SEARCH_SHARE]) as [
    Uint32Array,
    Uint32Array,
  ];
  const capped = (length: number): number => Math.min(length, shape.maxPositions);
  const context = capped(config.evaluation.context);
  const judged = windowsOf(heldout, context, 'all', { mode: 'contiguous' });
  const { maxWindows } = config.evaluation;
  return {
    calibration: draw(calibration, capped(config.calibration.length), {
      count: config.calibration.windows,
      seed: config.seed,
    }),
    search: draw(search, capped(config.search.length), {
      count: config.search.windows,
      // Another stream than calibration's, so that one group's places tell nothing of the other's.
      seed: config.seed + 1,
    }),
    heldout: maxWindows === 0 ? judged : judged.slice(0, maxWindows),
  };
}

/** Seeded windows; when the text has no more than that many, all of them, one after the other. */
function draw(
  tokens: Uint32Array,
  length: number,
  { count, seed }: { readonly count: number; readonly seed: number },
): Uint32Array[] {
  const all = windowsOf(tokens, length, 'all', { mode: 'contiguous' });
  if (all.length <= count) return all;
  return windowsOf(tokens, length, count, { mode: 'random', seed });
}
