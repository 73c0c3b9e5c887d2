import type { InspectReport } from '../../protocol/engineApi.ts';
import { inspectReportOf } from '../checkpoint/inspectReport.ts';
import { openCheckpoint } from '../checkpoint/openCheckpoint.ts';

/**
 * What is in a model folder, what of it can be pruned, and why the rest cannot. Reads no weights.
 * @throws EngineError `checkpoint`
 */
export async function inspectModel(path: string): Promise<InspectReport> {
  return inspectReportOf(await openCheckpoint(path));
}
