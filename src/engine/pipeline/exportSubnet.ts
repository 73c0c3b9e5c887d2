import { hashFile } from '../../files/fileHash.ts';
import type { ExportForm } from '../../protocol/engineApi.ts';
import type { ExportReport, Figures } from '../../protocol/runRecord.ts';
import { companionHashes } from '../checkpoint/companions.ts';
import type { ExportOrigin } from '../export/exportOnnx.ts';
import { changedMaps } from '../export/reformedWeights.ts';
import { SUBNET_FILE, writeSubnetConfig } from '../export/subnetConfig.ts';
import { storageOf } from '../export/storage.ts';
import type { Candidate } from './measureFigures.ts';
import type { Quantiser } from './quantiser.ts';
import { textHash } from './readText.ts';
import type { RunContext } from './runContext.ts';
import type { Workbench } from './workbench.ts';
import { writeExports } from './writeExports.ts';

/** A subnet of a run that is to be written. */
export interface SubnetExport {
  readonly candidate: Candidate;
  /** True when the config's `sparsify` section was applied to its weights. */
  readonly sparse?: boolean;
  /** True when its value dimensions are those of another basis than the source's. */
  readonly rotated: boolean;
  /** Gives the integers of an ONNX decoder; null for one of floats. */
  readonly quantise: Quantiser | null;
  /** What is known of it; a row that is not is null. */
  readonly figures: Figures;
  /** Held-out windows, to compare logits on. */
  readonly windows: readonly Uint32Array[];
  readonly origin: ExportOrigin;
  /** Gets subnet.json and one folder per form. */
  readonly folder: string;
  readonly forms: readonly ExportForm[];
  /** Told each report as soon as it is verified. */
  readonly tell: (report: ExportReport) => void;
}

/**
 * Writes a subnet of a run: its subnet config, then every form, each verified.
 * @throws EngineError `verify`, `disk`, `cancelled`
 */
export async function exportSubnet(
  run: RunContext,
  bench: Workbench,
  order: SubnetExport,
): Promise<readonly ExportReport[]> {
  const { config, folder, signal } = run;
  const { candidate, figures, origin } = order;
  const maps = changedMaps(bench.weights, candidate.weights);
  const subnet = await writeSubnetConfig(
    order.folder,
    candidate.weights,
    candidate.subnet,
    {
      // The hash of all weights: another fine-tune of the same shape is another model.
      source: {
        path: config.model,
        fingerprint: folder.manifest.hashes['model'] ?? '',
        companions: companionHashes(bench.checkpoint.companions),
      },
      provenance: {
        runId: folder.manifest.id,
        engineVersion: origin.engineVersion,
        seeds: { run: config.seed },
        config: { ...config },
        figures: { ...figures },
      },
      reformed:
        maps.length > 0
          ? {
              ...{ maps, settings: { ...config.reform }, textSha256: textHash(config.text) },
              ...(order.sparse ? { sparsify: { ...config.sparsify } } : {}),
            }
          : null,
      rotated: order.rotated,
    },
    signal,
  );
  const first: ExportReport = {
    ...{ form: 'subnet', ...subnet, verified: null, loadable: null },
    ...{ prefillMs: null, decodeMs: null },
    hashes: { [SUBNET_FILE]: await hashFile(subnet.path, signal) },
  };
  const reports = [first];
  order.tell(first);
  const quantise = order.forms.includes('onnx') ? order.quantise : null;
  await writeExports({
    quantised: await quantise?.(),
    source: bench.checkpoint,
    search: bench,
    storage: storageOf(config.export.dtype, bench.checkpoint),
    ...{ candidate, origin, signal },
    ...{ forms: order.forms, folder: order.folder, windows: order.windows },
    onReport: (report) => {
      const timed = withTimes(report, order);
      reports.push(timed);
      order.tell(timed);
    },
  });
  return reports;
}

/** The exported decoder is the one that was measured. */
function withTimes(report: ExportReport, { figures, quantise }: SubnetExport): ExportReport {
  const floats = figures.sparse ?? figures.reformed ?? figures.searched;
  const measured = quantise === null ? floats : figures.quantised;
  if (report.form !== 'onnx' || measured === null) return report;
  return { ...report, prefillMs: measured.prefillMs, decodeMs: measured.decodeMs };
}
