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

/** Units summed over blocks by kind; a kind may have units of two forms. */
function prunableParts(sublayers: readonly SublayerReport[]): InspectPart[] {
  const all = sublayers.flatMap(({ units }) => units);
  const kinds = new Set(all.map(({ kind }) => kind));
  return [...kinds].map((kind): InspectPart => {
    const own = all.filter((units) => units.kind === kind);
    const forms = new Set(own.map(({ note }) => note));
    return {
      name: NAMES[kind],
      units: own.reduce((sum, { units }) => sum + units, 0),
      params: own.reduce((sum, { units, parametersPerUnit: each }) => sum + units * each, 0),
      prunable: true,
      reason: `A unit is ${[...forms].join(', or ')}.`,
    };
  });
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
