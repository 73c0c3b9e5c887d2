import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EngineContext, ExportRequest } from '../../protocol/engineApi.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';
import type { SubnetConfig } from '../export/subnetConfig.ts';
import { copyExports } from './copyExports.ts';
import { loadSubnet, type LoadedSubnet } from './loadCandidate.ts';
import { storedDtype } from './measureFigures.ts';
import { subnetPathOf } from './runStages.ts';
import { engineVersion } from './versions.ts';
import { writeExports } from './writeExports.ts';

/** Tokens on which an export is compared when no text is at hand. */
const COMPARED_TOKENS = 48;

/**
 * Builds exports from a finished run or from a subnet config, and verifies them.
 * @throws EngineError `run` for a run without a subnet yet, `verify`, `disk`, `checkpoint`
 */
export async function exportRun(
  request: ExportRequest,
  context: EngineContext,
): Promise<readonly ExportReport[]> {
  const { signal } = context;
  const path = await subnetFile(resolve(request.path));
  const folder = resolve(request.out ?? dirname(path));
  const copies = folder === dirname(path) ? [] : await copyExports(path, folder, request, signal);
  const forms = request.forms.filter((form) => !copies.some((copy) => copy.form === form));
  if (forms.length === 0) return copies;
  const { bench, candidate, config } = await loadSubnet(path, 'auto', signal);
  try {
    const reports = await writeExports({
      source: bench.checkpoint,
      candidate,
      search: bench,
      dtype: storedDtype(request.dtype ?? 'source', bench.checkpoint.dtype),
      origin: { sourceFingerprint: bench.checkpoint.fingerprint, engineVersion },
      ...{ forms, folder, windows: [sampleTokens(bench, config)], signal },
    });
    return [...copies, ...reports];
  } finally {
    await bench.release();
  }
}

async function subnetFile(path: string): Promise<string> {
  const folder = await stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
  if (!folder) return path;
  for (const candidate of [subnetPathOf(path), join(path, 'subnet.json')]) {
    if (
      await stat(candidate).then(
        () => true,
        () => false,
      )
    ) {
      return candidate;
    }
  }
  throw new EngineError('run', {
    what: path,
    expected: 'a finished run, or a folder with subnet.json',
    found: 'neither',
    action: 'Finish the run first: "subnet resume RUN".',
  });
}

/** Spread over the vocabulary, so that a wrong row anywhere shows. */
function sampleTokens({ weights }: LoadedSubnet['bench'], config: SubnetConfig): Uint32Array {
  const { vocab, maxPositions } = weights.shape;
  const step = 1 + (parseInt(config.subnet.key.slice(0, 6), 16) % Math.max(1, vocab - 1));
  const length = Math.min(COMPARED_TOKENS, maxPositions);
  return Uint32Array.from({ length }, (_, t) => (t * step + 1) % vocab);
}
