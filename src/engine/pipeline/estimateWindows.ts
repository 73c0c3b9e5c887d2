import { closeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { missingFile, openPlain, readUpTo } from '../../files/plainFile.ts';
import { withRelease } from '../../files/release.ts';
import type { EstimateReport } from '../../protocol/estimate.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { Checkpoint } from '../checkpoint/openCheckpoint.ts';
import { loadTokenizer, type TextTokenizer } from '../tokenizer/loadTokenizer.ts';
import { readText } from './readText.ts';
import { HELDOUT_SHARE, planTokens } from './tokenPlan.ts';
import { windowLength } from './windowLength.ts';

/** Windows of a run, and whether they were counted or extrapolated. */
export interface WindowCounts extends Readonly<EstimateReport['windows']> {
  /** False when the texts are so large that only a part of them was tokenised. */
  readonly exact: boolean;
  /** Bytes of the texts. */
  readonly textBytes: number;
}

/** Texts up to this are tokenised whole, bytes: one to two seconds. */
const WHOLE_BYTES = 2_000_000;
/** Part of a larger text that tells its tokens per byte. */
const SAMPLE_BYTES = 200_000;
/** Shares of the token plan (see planTokens). */
const [CALIBRATION_SHARE, SEARCH_SHARE] = [0.75, 0.25];

/**
 * Counts the windows a run would have.
 * @throws EngineError `text`, `tokenizer`, `cancelled`
 */
export async function countWindows(
  config: ResolvedConfig,
  { folder, shape }: Checkpoint,
  signal: AbortSignal,
): Promise<WindowCounts> {
  const tokenizer = await loadTokenizer(folder, shape.vocab);
  const texts = [config.text, ...(config.heldout === null ? [] : [config.heldout])];
  const sizes = await Promise.all(texts.map(bytesOf));
  const textBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  if (textBytes <= WHOLE_BYTES) {
    const { calibration, search, heldout } = await planTokens(config, shape, tokenizer, signal);
    const counted = (windows: readonly Uint32Array[]): readonly [number, number] => [
      windows.length,
      windows[0]?.length ?? 0,
    ];
    return {
      ...{ calibration: counted(calibration), search: counted(search), heldout: counted(heldout) },
      ...{ exact: true, textBytes },
    };
  }
  const [known = 0, other] = await Promise.all(
    texts.map(async (path, i) => (sizes[i] ?? 0) * (await tokensPerByte(path, tokenizer, signal))),
  );
  const calibrated = other === undefined ? known * (1 - HELDOUT_SHARE) : known;
  const fitting = (tokens: number, wish: number, most: number): readonly [number, number] => {
    const length = windowLength(wish, shape);
    return [Math.max(1, Math.min(most, Math.floor(tokens / length))), length];
  };
  const { calibration, search, evaluation } = config;
  const all = evaluation.maxWindows === 0 ? Infinity : evaluation.maxWindows;
  return {
    calibration: fitting(calibrated * CALIBRATION_SHARE, calibration.length, calibration.windows),
    search: fitting(calibrated * SEARCH_SHARE, search.length, search.windows),
    heldout: fitting(other ?? known * HELDOUT_SHARE, evaluation.context, all),
    ...{ exact: false, textBytes },
  };
}

/** A text that is missing is told by reading it, in the words of the run. */
async function bytesOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return readText(path).length;
  }
}

async function tokensPerByte(
  path: string,
  tokenizer: TextTokenizer,
  signal: AbortSignal,
): Promise<number> {
  const opened = openPlain(path, { links: 'followed', mostBytes: Infinity });
  if (opened === undefined) throw missingFile(path);
  const bytes = withRelease(
    () => readUpTo(opened.file, SAMPLE_BYTES, 0),
    () => {
      closeSync(opened.file);
    },
  );
  // The sample may end inside a character, which then counts as one unknown one.
  const tokens = await tokenizer.encodeLong(new TextDecoder().decode(bytes), signal);
  return tokens.length / Math.max(1, bytes.length);
}
