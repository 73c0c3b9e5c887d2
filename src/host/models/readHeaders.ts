import type { ModelFacts } from '../../configText/modelFacts.ts';
import { inspectReportOf } from '../../engine/checkpoint/inspectReport.ts';
import { openCheckpoint } from '../../engine/checkpoint/openCheckpoint.ts';
import { modelSummaryOf } from '../../engine/subnet/modelSummary.ts';
import { isEngineError } from '../../protocol/errors.ts';
import type { ModelReading } from './modelReading.ts';

/**
 * Reads the headers of a model folder. Never throws.
 *
 * The code of all model families comes with this file, so it is a program of its own (`dist/models.cjs`)
 * that a window loads with the first model it looks at.
 * @param isMissing  there is no such folder
 */
export async function readHeaders(folder: string, isMissing: boolean): Promise<ModelReading> {
  try {
    const checkpoint = await openCheckpoint(folder);
    const report = inspectReportOf(checkpoint);
    const facts: ModelFacts = {
      summary: modelSummaryOf(checkpoint.shape),
      maxPositions: checkpoint.shape.maxPositions,
      gated: checkpoint.shape.mlp.gated,
      bytes: report.bytes,
      folder: checkpoint.folder,
    };
    return { kind: 'model', facts, report };
  } catch (error) {
    return { kind: 'unreadable', why: reasonOf(error), isMissing };
  }
}

function reasonOf(error: unknown): string {
  if (!isEngineError(error)) return `It cannot be read: ${String(error)}`;
  return error.message;
}
