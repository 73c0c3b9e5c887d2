import type { Checkpoint, CheckpointFile } from './openCheckpoint.ts';
import { readableDtypes } from './storedFloats.ts';
import { groupSize, type ModelShape, qkUnitsPerHead } from '../model/modelShape.ts';
import { weightBytes } from './weightBytes.ts';

/** One kind of unit that can be removed from a sublayer. */
export interface PrunableUnits {
  /** `qk`: query/key pairs or dimensions; `vo`: value dimensions; `mlp`: hidden neurons. */
  readonly kind: 'qk' | 'vo' | 'mlp';
  /** Units in the sublayer. */
  readonly units: number;
  /** Independent groups they are divided into: key/value heads, or 1. */
  readonly groups: number;
  /** Parameters that leave with one unit. */
  readonly parametersPerUnit: number;
  /** What one unit is, for people. */
  readonly note: string;
}

/** What can be removed from one sublayer of one block. */
export interface SublayerReport {
  readonly layer: number;
  readonly sublayer: 'attention' | 'mlp';
  readonly units: readonly PrunableUnits[];
  /** Parameters that leave only with the whole sublayer: its output bias. */
  readonly fixedParameters: number;
  /** All prunable parameters of the sublayer. */
  readonly parameters: number;
}

/** A part of the model that always stays. */
export interface KeptPart {
  readonly part: string;
  readonly parameters: number;
  readonly reason: string;
}

/** What `subnet inspect` says about a model: plain data. */
export interface CheckpointReport {
  readonly folder: string;
  readonly fingerprint: string;
  readonly family: string;
  readonly dtype: string;
  readonly files: readonly Pick<CheckpointFile, 'file' | 'bytes'>[];
  /** Parameters of the whole model, a tied head counted once. */
  readonly parameters: number;
  /** Parameters in the blocks that can be removed. */
  readonly prunableParameters: number;
  /** Memory of the weights once loaded as float32, bytes. */
  readonly weightBytes: number;
  readonly sublayers: readonly SublayerReport[];
  readonly kept: readonly KeptPart[];
  /** Tensors in the files that the model does not use. */
  readonly unused: readonly string[];
}

/**
 * What can be pruned in a checkpoint, and why the rest cannot.
 *
 * @param checkpoint  an opened checkpoint; no weights are read
 */
export function inspectCheckpoint(checkpoint: Checkpoint): CheckpointReport {
  const { shape, folder, fingerprint, files, unused } = checkpoint;
  const sublayers = Array.from({ length: shape.layers }, (_, layer) => [
    attentionReport(shape, layer),
    mlpReport(shape, layer),
  ]).flat();
  const kept = keptParts(shape);
  const prunable = sublayers.reduce((sum, { parameters }) => sum + parameters, 0);
  return {
    folder,
    fingerprint,
    family: shape.family,
    dtype: dtypesOf(checkpoint),
    files: files.map(({ file, bytes }) => ({ file, bytes })),
    parameters: kept.reduce((sum, { parameters }) => sum + parameters, prunable),
    prunableParameters: prunable,
    weightBytes: weightBytes(shape),
    sublayers,
    kept,
    unused,
  };
}

/** @source METHODS section 2: units of attention under RoPE and grouped queries */
function attentionReport(shape: ModelShape, layer: number): SublayerReport {
  const { hidden, kvHeads, headDim, bias } = shape;
  const group = groupSize(shape);
  const rope = shape.positions.kind === 'rope';
  const row = hidden + (bias.qkv ? 1 : 0);
  const sharing = group === 1 ? '' : `, shared by ${group} query heads`;
  const qk: PrunableUnits = {
    kind: 'qk',
    units: kvHeads * qkUnitsPerHead(shape),
    groups: kvHeads,
    parametersPerUnit: (rope ? 2 : 1) * (1 + group) * row,
    note: rope
      ? `a pair of query and key dimensions that rotate together${sharing}`
      : `a dimension of the query-key product${sharing}`,
  };
  const vo: PrunableUnits = {
    kind: 'vo',
    units: kvHeads * headDim,
    groups: kvHeads,
    parametersPerUnit: row + group * hidden,
    note: `a value dimension with its columns of the output matrix${sharing}`,
  };
  return sublayerReport({
    layer,
    sublayer: 'attention',
    units: [qk, vo],
    fixedParameters: bias.output ? hidden : 0,
  });
}

function mlpReport(shape: ModelShape, layer: number): SublayerReport {
  const { hidden, intermediate, bias, mlp } = shape;
  const inputs = (mlp.gated ? 2 : 1) * (hidden + (bias.mlp ? 1 : 0));
  const neuron: PrunableUnits = {
    kind: 'mlp',
    units: intermediate,
    groups: 1,
    parametersPerUnit: inputs + hidden,
    note: mlp.gated
      ? 'a neuron: a row of gate and up, a column of down'
      : 'a neuron: a row of the first matrix, a column of the second',
  };
  return sublayerReport({
    layer,
    sublayer: 'mlp',
    units: [neuron],
    fixedParameters: bias.mlp ? hidden : 0,
  });
}

function sublayerReport(report: Omit<SublayerReport, 'parameters'>): SublayerReport {
  const removable = report.units.map(({ units, parametersPerUnit }) => units * parametersPerUnit);
  const parameters = removable.reduce((sum, count) => sum + count, report.fixedParameters);
  return { ...report, parameters };
}

function keptParts(shape: ModelShape): KeptPart[] {
  const { hidden, vocab, positions } = shape;
  const perNorm = shape.norm.kind === 'layer' ? 2 * hidden : hidden;
  const table = vocab * hidden;
  const parts: KeptPart[] = [
    {
      part: shape.tiedEmbeddings ? 'embedding and output head (tied)' : 'embedding',
      parameters: table,
      reason: 'it has one row per token, and the width of the residual stream stays whole',
    },
    {
      part: 'norms',
      parameters: (2 * shape.layers + 1) * perNorm,
      reason: 'they act on the residual stream, whose width stays whole',
    },
  ];
  if (positions.kind === 'learned') {
    parts.push({
      part: 'position table',
      parameters: (shape.maxPositions + positions.offset) * hidden,
      reason: 'it has one row per position',
    });
  }
  if (!shape.tiedEmbeddings) {
    parts.push({ part: 'output head', parameters: table, reason: 'it has one row per token' });
  }
  return parts;
}

/** The element types of the model's tensors, the most exact first. */
function dtypesOf({ tensors }: Checkpoint): string {
  const found = new Set(tensors.map(({ located }) => located.entry.dtype));
  return readableDtypes.filter((name) => found.has(name)).join(' and ');
}
