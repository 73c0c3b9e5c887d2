import type { EstimateReport } from '../../protocol/estimate.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Checkpoint } from '../checkpoint/openCheckpoint.ts';
import { loadTokenizer, type TextTokenizer } from '../tokenizer/loadTokenizer.ts';
import { textBytes, textChunks } from './readText.ts';
import { HELDOUT_SHARE, mostCalibrationTokens, planTokens } from './tokenPlan.ts';
import { windowLength } from './windowLength.ts';

/** Windows of a run, and whether they were counted or extrapolated. */
export interface WindowCounts extends Readonly<EstimateReport['windows']> {
  /** False when the texts are so large that only a part of them was tokenised. */
  readonly exact: boolean;
  /** Bytes of the texts that are turned into tokens. */
  readonly textBytes: number;
}

/** Texts up to this are tokenised whole, bytes: one to two seconds. */
const WHOLE_BYTES = 2_000_000;
/** Part of a larger text that tells its tokens per byte, UTF-16 units. */
const SAMPLE_CHARACTERS = 200_000;
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
  const texts = [config.text, ...(config.heldout === null ? [] : [config.heldout])];
  const sizes = texts.map(textBytes);
  const tokenizer = await loadTokenizer(folder, shape.vocab);
  try {
    return await countWith(tokenizer, config, { shape, texts, sizes, signal });
  } finally {
    tokenizer.release();
  }
}

interface CountContext {
  readonly shape: ModelShape;
  readonly texts: readonly string[];
  /** Bytes of each text. */
  readonly sizes: readonly number[];
  readonly signal: AbortSignal;
}

async function countWith(
  tokenizer: TextTokenizer,
  config: ResolvedConfig,
  { shape, texts, sizes, signal }: CountContext,
): Promise<WindowCounts> {
  const allBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  if (allBytes <= WHOLE_BYTES) {
    const { calibration, search, heldout } = await planTokens(config, shape, tokenizer, signal);
    const counted = (windows: readonly Uint32Array[]): readonly [number, number] => [
      windows.length,
      windows[0]?.length ?? 0,
    ];
    return {
      calibration: counted(calibration),
      search: counted(search),
      heldout: counted(heldout),
      exact: true,
      textBytes: allBytes,
    };
  }
  const { calibration, search, evaluation } = config;
  const all = evaluation.maxWindows === 0 ? Infinity : evaluation.maxWindows;
  // What a run reads of each text.
  const most = [
    mostCalibrationTokens(config, shape),
    all * windowLength(evaluation.context, shape),
  ];
  const rates = await Promise.all(texts.map((path) => tokensPerByte(path, tokenizer, signal)));
  const bytes = sizes.map((size, i) => Math.min(size, most[i]! / rates[i]!));
  const [known = 0, other] = bytes.map((read, i) => read * rates[i]!);
  const calibrated = other === undefined ? known * (1 - HELDOUT_SHARE) : known;
  const fitting = (tokens: number, wish: number, most: number): readonly [number, number] => {
    const length = windowLength(wish, shape);
    const read = shape.startToken === undefined ? length : length - 1;
    return [Math.max(1, Math.min(most, Math.floor(tokens / read))), length];
  };
  return {
    calibration: fitting(calibrated * CALIBRATION_SHARE, calibration.length, calibration.windows),
    search: fitting(calibrated * SEARCH_SHARE, search.length, search.windows),
    heldout: fitting(other ?? known * HELDOUT_SHARE, evaluation.context, all),
    exact: false,
    textBytes: bytes.reduce((sum, read) => sum + read, 0),
  };
}

async function tokensPerByte(
  path: string,
  tokenizer: TextTokenizer,
  signal: AbortSignal,
): Promise<number> {
  const sample = startOf(path);
  const tokens = await tokenizer.encode(sample, { signal });
  return tokens.length / Math.max(1, Buffer.byteLength(sample));
}

/** The first characters of a text. */
function startOf(path: string): string {
  let text = '';
  for (const chunk of textChunks(path)) {
    text += chunk;
    if (text.length >= SAMPLE_CHARACTERS) break;
  }
  return text.slice(0, SAMPLE_CHARACTERS);
}
