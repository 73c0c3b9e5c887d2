import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EngineContext, ExportRequest } from '../../protocol/engineApi.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';
import { companionHashes } from '../checkpoint/companions.ts';
import type { Source } from '../checkpoint/openCheckpoint.ts';
import type { SubnetConfig } from '../export/subnetConfig.ts';
import { storageOf } from '../export/storage.ts';
import { RunFolder } from '../runs/runFolder.ts';
import { runFiles } from '../runs/runLayout.ts';
import { copyExports } from './copyExports.ts';
import { loadSubnet, type LoadedSubnet } from './loadCandidate.ts';
import { subnetPathOf } from './runStages.ts';
import { engineVersion } from './versions.ts';
import { writeExports } from './writeExports.ts';

/** Tokens on which an export is compared when no text is at hand. */
const COMPARED_TOKENS = 48;

/**
 * Builds exports from a finished run or from a subnet config, and verifies them. Those that a run gets
 * in its own folder take the place of the ones it has recorded.
 * @throws EngineError `run` for a run without a subnet yet, or one in use when its own exports are to
 *   be written, `verify`, `disk`, `checkpoint`
 */
export async function exportRun(
  request: ExportRequest,
  context: EngineContext,
): Promise<readonly ExportReport[]> {
  const path = await subnetFile(resolve(request.path));
  const folder = resolve(request.out ?? dirname(path));
  if (folder !== dirname(path) || !isOfRun(path)) {
    return exportTo(folder, path, request, context);
  }
  const run = new RunFolder(dirname(folder));
  try {
    const reports = await exportTo(folder, path, request, context);
    recordAgain(run, reports, context);
    return reports;
  } finally {
    run.close();
  }
}

/** True for the subnet.json of a run itself. */
function isOfRun(path: string): boolean {
  const run = dirname(dirname(path));
  return path === subnetPathOf(run) && existsSync(join(run, runFiles.manifest));
}

/** A run that has not finished records its exports when it does. */
function recordAgain(
  run: RunFolder,
  reports: readonly ExportReport[],
  context: EngineContext,
): void {
  const results = run.readResults();
  if (results === undefined) return;
  const forms = new Set(reports.map(({ form }) => form));
  const others = results.exports.filter(({ form }) => !forms.has(form));
  run.writeResults({ ...results, exports: [...others, ...reports] });
  for (const report of reports) context.emit(run.append({ kind: 'exported', report }));
}

async function exportTo(
  folder: string,
  path: string,
  request: ExportRequest,
  context: EngineContext,
): Promise<readonly ExportReport[]> {
  const { signal } = context;
  const copies = folder === dirname(path) ? [] : await copyExports(path, folder, request, signal);
  const forms = request.forms.filter((form) => !copies.some((copy) => copy.form === form));
  if (forms.length === 0) return copies;
  const { bench, candidate, config } = await loadSubnet(path, 'auto', context);
  try {
    const reports = await writeExports({
      source: forms.some((form) => form !== 'onnx')
        ? asRecorded(bench.checkpoint, config)
        : bench.checkpoint,
      candidate,
      search: bench,
      storage: storageOf(request.dtype ?? 'source', bench.checkpoint),
      origin: { sourceFingerprint: bench.checkpoint.fingerprint, engineVersion },
      forms,
      folder,
      windows: [sampleTokens(bench, config)],
      signal,
    });
    return [...copies, ...reports];
  } finally {
    await bench.release();
  }
}

/**
 * The source model with the files that exports took along when the subnet was made.
 * @throws EngineError `checkpoint` when one of them is not what it was
 */
function asRecorded(source: Source, { source: { companions: recorded } }: SubnetConfig): Source {
  if (recorded === undefined) return source;
  const found = companionHashes(source.companions);
  for (const [name, sha256] of Object.entries(recorded)) {
    if (found[name] === sha256) continue;
    throw new EngineError('checkpoint', {
      what: join(source.folder, name),
      expected: `the file that the run read, of SHA-256 ${sha256}`,
      found: found[name] === undefined ? 'no such file' : `another, of SHA-256 ${found[name]}`,
      action: 'Put the file back, or start a new run with the model as it is now.',
      sentence:
        found[name] === undefined
          ? `${name} is missing in ${source.folder}; it was there when the run read the model.`
          : `${name} in ${source.folder} has changed since the run read it.`,
    });
  }
  return { ...source, companions: source.companions.filter(({ name }) => name in recorded) };
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
    sentence: `${path} is neither a finished run nor a folder with subnet.json.`,
  });
}

/** Spread over the vocabulary, so that a wrong row anywhere shows. */
function sampleTokens({ weights }: LoadedSubnet['bench'], config: SubnetConfig): Uint32Array {
  const { vocab, maxPositions } = weights.shape;
  const step = 1 + (parseInt(config.subnet.key.slice(0, 6), 16) % Math.max(1, vocab - 1));
  const length = Math.min(COMPARED_TOKENS, maxPositions);
  return Uint32Array.from({ length }, (_, t) => (t * step + 1) % vocab);
}
