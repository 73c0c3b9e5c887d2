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
import { textBytes, textChunks } from './readText.ts';
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
  const text = resolve(request.text);
  // A text that cannot be read is refused before the model is loaded.
  textBytes(text);
  const loaded = await loadModel(request.path, request.device ?? 'auto', signal);
  const { bench, candidate, storage, fingerprint } = loaded;
  try {
    const { shape } = bench.weights;
    const length = Math.min(request.context, shape.maxPositions);
    const maxWindows = request.maxWindows ?? 0;
    const most = maxWindows > 0 ? maxWindows * length : undefined;
    const tokens = await bench.tokenizer.encode(textChunks(text), { signal, most });
    const windows = windowsOf(tokens, length, 'all', { mode: 'contiguous' });
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
      text,
      ...result,
      ...measured,
      windows: windows.length,
      context: length,
      device: bench.device.reports.find(({ chosen }) => chosen)!,
    };
  } finally {
    await bench.release();
  }
}
