import { makeFolder, makeFolderInside } from '../../files/insideFolder.ts';
import type { ExportForm } from '../../protocol/engineApi.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';
import type { Source } from '../checkpoint/openCheckpoint.ts';
import { exportCheckpoint } from '../export/exportCheckpoint.ts';
import { exportCompressed } from '../export/exportCompressed.ts';
import { verifiedHashes } from '../export/exportHashes.ts';
import { exportOnnx, type ExportOrigin, type Written } from '../export/exportOnnx.ts';
import type { SearchTimeModel } from '../export/searchTimeLogits.ts';
import { type Reference, referenceOf } from '../export/logitReference.ts';
import type { Storage } from '../export/storage.ts';
import { type Verified, verifyCheckpoint, verifyIntegers, verifyOnnx } from '../export/verify.ts';
import type { Candidate } from './measureFigures.ts';
import type { QuantisedCandidate } from './quantiser.ts';
import type { Bench } from './workbench.ts';

/** What {@link writeExports} is to write. */
export interface ExportOrder {
  readonly source: Source;
  readonly candidate: Candidate;
  /** The candidate as integers, which an ONNX decoder then stores. */
  readonly quantised?: QuantisedCandidate | undefined;
  /** Runs the candidate the way the search did, to compare with; decoders are loaded beside it. */
  readonly search: SearchTimeModel & Pick<Bench, 'runtime'>;
  readonly forms: readonly ExportForm[];
  readonly storage: Storage;
  readonly origin: ExportOrigin;
  /** Folder that gets one folder per form. */
  readonly folder: string;
  /** Text to compare logits on. */
  readonly windows: readonly Uint32Array[];
  readonly signal: AbortSignal;
  readonly onReport?: (report: ExportReport) => void;
}

/** Windows and tokens of the comparison: every cache length up to this is decoded once. */
const COMPARED_WINDOWS = 2;
const COMPARED_TOKENS = 48;

/**
 * Writes exports, reloads each from disk and compares its logits with those of the searched model. The
 * reports say what was compared: the hashes of all files.
 * @throws EngineError `verify` when a reloaded export differs, `disk`, `cancelled`
 */
export async function writeExports(order: ExportOrder): Promise<ExportReport[]> {
  const { candidate, quantised, search, storage, origin, signal, folder } = order;
  const { weights, subnet } = candidate;
  const windows = order.windows
    .slice(0, COMPARED_WINDOWS)
    .map((window) => window.slice(0, COMPARED_TOKENS));
  const reference = await referenceOf(search, { weights, subnet }, windows, storage, signal);
  const options = { ...storage, origin, signal };
  const stored = quantised ?? candidate;
  const write: Record<
    ExportForm,
    (dir: string) => Promise<Written & Pick<ExportReport, 'loadable'>>
  > = {
    onnx: async (dir) => ({
      ...(await exportOnnx(dir, stored.weights, subnet, {
        ...options,
        quantised: quantised?.quantised,
      })),
      loadable: null,
    }),
    checkpoint: (dir) => exportCheckpoint(dir, weights, subnet, order.source, options),
    compressed: (dir) => exportCompressed(dir, weights, subnet, order.source, options),
  };
  const { runtime } = search;
  const ofIntegers = (from: QuantisedCandidate): Promise<Reference> => {
    const model = { weights, subnet, integers: from.weights };
    return referenceOf(search, model, windows, storage, signal);
  };
  const reports: ExportReport[] = [];
  makeFolder(folder);
  for (const form of order.forms) {
    const dir = makeFolderInside(folder, form);
    const { path, bytes, loadable } = await write[form](dir);
    const verify = async (): Promise<Verified> =>
      form !== 'onnx'
        ? verifyCheckpoint(dir, search, reference, signal)
        : quantised === undefined
          ? verifyOnnx(path, runtime, reference, signal)
          : verifyIntegers(path, runtime, await ofIntegers(quantised), signal);
    const { verified, hashes } = await verifiedHashes(dir, verify, signal);
    const none = { prefillMs: null, decodeMs: null };
    const report = { form, path, bytes, verified, loadable, ...none, hashes };
    order.onReport?.(report);
    reports.push(report);
  }
  return reports;
}
