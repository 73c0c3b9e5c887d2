import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type {
  EngineContext,
  EvaluationReport,
  EvaluationRequest,
} from '../../protocol/engineApi.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import { windowsOf } from '../tokenizer/tokenWindows.ts';
import { loadModel } from './loadCandidate.ts';
import { measureFigures } from './measureFigures.ts';
import { readText } from './readText.ts';
import { engineVersion } from './versions.ts';

/**
 * Perplexity, size and speed of a model folder or of a subnet config.
 * @throws EngineError `checkpoint`, `decode`, `text`, `device`, `cancelled`
 */
export async function evaluateModel(
  request: EvaluationRequest,
  context: EngineContext,
): Promise<EvaluationReport> {
  const { signal } = context;
  const text = readText(resolve(request.text));
  const loaded = await loadModel(request.path, request.device ?? 'auto', signal);
  const { bench, candidate, storage, fingerprint, notes } = loaded;
  try {
    const { shape } = bench.weights;
    const length = Math.min(request.context, shape.maxPositions);
    const tokens = await bench.tokenizer.encodeLong(text, signal);
    const all = windowsOf(tokens, length, 'all', { mode: 'contiguous' });
    const windows = (request.maxWindows ?? 0) > 0 ? all.slice(0, request.maxWindows) : all;
    const result = await perplexityOf(bench.forward, bench.head, candidate, windows, { signal });
    const { measured } = await measureFigures(
      bench,
      { measured: candidate },
      {
        folder: await mkdtemp(join(tmpdir(), 'subnet-evaluate-')),
        storage,
        origin: { sourceFingerprint: fingerprint, engineVersion },
        tokens: windows[0]!,
        signal,
      },
    );
    return {
      path: resolve(request.path),
      text: resolve(request.text),
      ...result,
      ...measured,
      windows: windows.length,
      context: length,
      device: bench.device.reports.find(({ chosen }) => chosen)!,
      ...(notes.length === 0 ? {} : { notes }),
    };
  } finally {
    await bench.release();
  }
}
