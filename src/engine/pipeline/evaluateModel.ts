import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type {
  EngineContext,
  EvaluationReport,
  EvaluationRequest,
} from '../../protocol/engineApi.ts';
import { isEngineError, type EngineError, type Problem } from '../../protocol/errors.ts';
import type { EvaluatedOn } from '../../protocol/evaluatedOn.ts';
import type { Perplexity } from '../../protocol/perplexity.ts';
import { eventStamper } from '../../protocol/runEvent.ts';
import { digitsText } from '../../protocol/sizeText.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import { countParameters } from '../model/cost.ts';
import { windowsOf } from '../tokenizer/tokenWindows.ts';
import { windowCounts } from './heldout.ts';
import { type Loaded, loadModel } from './loadCandidate.ts';
import { type Measured, measureFigures } from './measureFigures.ts';
import { textBytes, textChunks, textHash } from './readText.ts';
import { makeTemporaryFolder } from './temporaryFolder.ts';
import { engineVersion } from './versions.ts';
import { windowLength } from './windowLength.ts';

/**
 * Perplexity, size and speed of a model folder or of a subnet config.
 *
 * The perplexity is logged as soon as it is known. Size and speed need a decoder in the temporary
 * folder; when that fails, the report holds the perplexity and says why the rest is missing.
 * @throws EngineError `checkpoint`, `decode`, `text`, `tokenizer`, `device`, `numeric`, `cancelled`
 */
export async function evaluateModel(
  request: EvaluationRequest,
  context: EngineContext,
): Promise<EvaluationReport> {
  const { signal } = context;
  const stamp = eventStamper(Date.now);
  const log = (level: 'info' | 'warning', text: string): void => {
    context.emit(stamp({ kind: 'log', level, text }));
  };
  const path = resolve(request.text);
  // A text that cannot be read is refused before the model is loaded.
  textBytes(path);
  const loaded = await loadModel(request.path, request.device ?? 'auto', context);
  const { bench, candidate, notes } = loaded;
  try {
    for (const note of bench.place.notes) log('warning', note);
    const length = windowLength(request.context, bench.weights.shape);
    const maxWindows = request.maxWindows ?? 0;
    const most = maxWindows > 0 ? maxWindows * length : undefined;
    const tokens = await bench.tokenizer.encode(textChunks(path), { signal, most });
    const all = windowsOf(tokens, length, 'all', {
      mode: 'contiguous',
      start: bench.weights.shape.startToken,
    });
    const windows = maxWindows > 0 ? all.slice(0, maxWindows) : all;
    const found = await perplexityOf(bench.forward, bench.head, candidate, windows, { signal });
    log('info', sentenceOf(found));
    const evaluatedOn: EvaluatedOn = {
      text: textHash(path),
      share: 1,
      ...windowCounts(windows),
      tokenizer: loaded.tokenizerHash,
      model: await bench.weights.key(signal),
    };
    const note = (text: string): void => {
      log('warning', text);
    };
    return {
      path: resolve(request.path),
      text: path,
      ...found,
      windows: windows.length,
      context: length,
      evaluatedOn,
      ...sizesOf(loaded),
      ...(await measuredOrWhyNot(loaded, windows[0]!, note, signal)),
      device: bench.device.reports.find(({ chosen }) => chosen)!,
      ...(notes.length === 0 ? {} : { notes }),
    };
  } finally {
    await bench.release();
  }
}

function sentenceOf({ perplexity, lossNats, tokens }: Perplexity): string {
  const value =
    perplexity === null ? 'infinite' : digitsText(perplexity, perplexity >= 1e4 ? 7 : 5);
  return `Perplexity ${value} (mean loss ${digitsText(lossNats, 5)} nats) on ${tokens} tokens.`;
}

function sizesOf({ candidate }: Loaded): Pick<EvaluationReport, 'params' | 'blockParams'> {
  const { total, block } = countParameters(candidate.weights.shape, candidate.subnet);
  return { params: total, blockParams: block };
}

type Measurable = Pick<
  EvaluationReport,
  'bytes' | 'prefillMs' | 'decodeMs' | 'timing' | 'peakBytes' | 'notMeasured'
>;

async function measuredOrWhyNot(
  loaded: Loaded,
  tokens: Uint32Array,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<Measurable> {
  try {
    const { bytes, prefillMs, decodeMs, timing, peakBytes } = await measured(
      loaded,
      tokens,
      note,
      signal,
    );
    return { bytes, prefillMs, decodeMs, timing, peakBytes, notMeasured: null };
  } catch (error) {
    if (!isEngineError(error) || error.code === 'cancelled') throw error;
    const notMeasured = problemOf(error);
    const none = { bytes: null, prefillMs: null, decodeMs: null, timing: null, peakBytes: null };
    return { ...none, notMeasured };
  }
}

/** Beside the dense model where there is one, so that the times can be compared with something. */
async function measured(
  { bench, candidate, dense, storage, fingerprint }: Loaded,
  tokens: Uint32Array,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<Measured> {
  const options = {
    folder: makeTemporaryFolder(),
    storage,
    origin: { sourceFingerprint: fingerprint, engineVersion },
    tokens,
    note,
    signal,
  };
  if (dense === candidate) {
    return (await measureFigures(bench, { dense: candidate }, options)).dense;
  }
  return (await measureFigures(bench, { dense, model: candidate }, options)).model;
}

/** A disk that refuses is here the temporary folder, and there is nothing to resume. */
function problemOf({ code, problem }: EngineError): Problem {
  if (code !== 'disk') return problem;
  const action = `Free space in ${tmpdir()} or make it writable, or name another temporary folder in TMPDIR (on Windows TEMP).`;
  return { ...problem, action };
}
