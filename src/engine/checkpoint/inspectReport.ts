import type { InspectPart, InspectReport } from '../../protocol/engineApi.ts';
import { checkpointNotes } from './checkpointNotes.ts';
import { inspectCheckpoint, type SublayerReport } from './inspectCheckpoint.ts';
import type { Checkpoint } from './openCheckpoint.ts';

/**
 * What is in a model folder, what of it can be pruned, and why the rest cannot, summed over blocks.
 * @param checkpoint  an opened checkpoint; no weights are read
 */
export function inspectReportOf(checkpoint: Checkpoint): InspectReport {
  const report = inspectCheckpoint(checkpoint);
  const { family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab, maxPositions } =
    checkpoint.shape;
  return {
    path: report.folder,
    ...{ family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab, maxPositions },
    dtype: report.dtype,
    params: report.parameters,
    blockParams: report.prunableParameters,
    bytes: report.files.reduce((sum, { bytes }) => sum + bytes, 0),
    parts: [...prunableParts(report.sublayers), ...report.kept.map(keptPart)],
    notes: checkpointNotes(checkpoint),
  };
}

/** Blocks are alike, so units are summed over them by kind. */
function prunableParts(sublayers: readonly SublayerReport[]): InspectPart[] {
  const parts = new Map<string, InspectPart>();
  for (const { units } of sublayers) {
    for (const { kind, units: count, parametersPerUnit, note } of units) {
      const known = parts.get(kind) ?? {
        name: NAMES[kind],
        units: 0,
        params: 0,
        prunable: true,
        reason: `A unit is ${note}.`,
      };
      parts.set(kind, {
        ...known,
        units: known.units + count,
        params: known.params + count * parametersPerUnit,
      });
    }
  }
  return [...parts.values()];
}

const NAMES = {
  qk: 'query/key units',
  vo: 'value/output units',
  mlp: 'MLP neurons',
} as const;

function keptPart(kept: { part: string; parameters: number; reason: string }): InspectPart {
  const { part, parameters, reason } = kept;
  return { name: part, units: 0, params: parameters, prunable: false, reason };
}
