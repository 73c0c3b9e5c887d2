import type { Checkpoint, CheckpointFile } from './openCheckpoint.ts';
import { readableDtypes } from './storedFloats.ts';
import { type Block, blocksOf, finalNormOf, queriesPerKey } from '../model/block.ts';
import {
  denseParameters,
  normParameters,
  positionParameters,
  projectionParameters,
  sublayerNorms,
  tableParameters,
  unitCosts,
} from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { keptHeadsOf } from '../model/rows.ts';
import { denseMask } from '../model/subnet.ts';
import { qkRunsOf, type UnitRun, unitsInRun } from '../model/unitRuns.ts';
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
  const sublayers = blocksOf(shape).flatMap((block, layer) => [
    attentionReport(block, layer),
    mlpReport(block, layer),
  ]);
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
function attentionReport(block: Block, layer: number): SublayerReport {
  const { attention } = block;
  const { heads } = denseMask(block);
  const costs = unitCosts(block);
  const group = queriesPerKey(attention);
  const unitsOf = (kind: UnitRun['kind']): number => {
    const run = qkRunsOf(attention).find((one) => one.kind === kind);
    if (run === undefined) return 0;
    return heads.reduce((sum, { qk }) => sum + unitsInRun(run, qk).length, 0);
  };
  const sharing = group === 1 ? '' : `, shared by ${group} query heads`;
  const units: Omit<PrunableUnits, 'groups'>[] = [
    {
      kind: 'qk',
      units: unitsOf('head'),
      parametersPerUnit: costs.head,
      note: `all query and key dimensions of a head, which are normalised together: they stay or go with the head${sharing}`,
    },
    {
      kind: 'qk',
      units: unitsOf('pair'),
      parametersPerUnit: costs.pair,
      note: `a pair of query and key dimensions that rotate together${sharing}`,
    },
    {
      kind: 'qk',
      units: unitsOf('single'),
      parametersPerUnit: costs.single,
      note: `a dimension of the query-key product${sharing}`,
    },
    {
      kind: 'vo',
      units: heads.reduce((sum, { vo }) => sum + vo.length, 0),
      parametersPerUnit: costs.vo,
      note: `a value dimension with its columns of the output matrix${sharing}`,
    },
  ];
  return {
    layer,
    sublayer: 'attention',
    units: units
      .filter((kind) => kind.units > 0)
      .map((kind) => ({ ...kind, groups: keptHeadsOf({ heads }).length })),
    fixedParameters: heads.some(({ qk }) => qk.length > 0) ? costs.attentionFixed : 0,
    parameters: denseParameters(block, 'attention'),
  };
}

function mlpReport(block: Block, layer: number): SublayerReport {
  const costs = unitCosts(block);
  const { mlp } = denseMask(block);
  const neuron: PrunableUnits = {
    kind: 'mlp',
    units: mlp.length,
    groups: 1,
    parametersPerUnit: costs.mlp,
    note:
      block.mlp.maps.gate === null
        ? 'a neuron: a row of the first matrix, a column of the second'
        : 'a neuron: a row of gate and up, a column of down',
  };
  return {
    layer,
    sublayer: 'mlp',
    units: mlp.length === 0 ? [] : [neuron],
    fixedParameters: mlp.length === 0 ? 0 : costs.mlpFixed,
    parameters: denseParameters(block, 'mlp'),
  };
}

function keptParts(shape: ModelShape): KeptPart[] {
  const table = tableParameters(shape);
  const ofBlocks = blocksOf(shape).reduce(
    (sum, block) => sum + sublayerNorms(block, 'attention') + sublayerNorms(block, 'mlp'),
    0,
  );
  const parts: KeptPart[] = [
    {
      part: shape.tiedEmbeddings ? 'embedding and output head (tied)' : 'embedding',
      parameters: table,
      reason: 'it has one row per token, and the width of the residual stream stays whole',
    },
    {
      part: 'norms',
      parameters: ofBlocks + normParameters(finalNormOf(shape), shape.hidden),
      reason: 'they act on the residual stream, whose width stays whole',
    },
  ];
  if (shape.positions.kind === 'learned') {
    parts.push({
      part: 'position table',
      parameters: positionParameters(shape),
      reason: 'it has one row per position',
    });
  }
  if (shape.embeddingWidth !== undefined) {
    parts.push({
      part: 'embedding projections',
      parameters: projectionParameters(shape),
      reason:
        'they lead from the embedding to the residual stream and back, whose widths stay whole',
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
