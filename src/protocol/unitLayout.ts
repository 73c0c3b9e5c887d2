import { excessOf } from './bounds.ts';
import { EngineError } from './errors.ts';
import type { ModelSummary } from './modelSummary.ts';

/**
 * Where each unit of a model stands in a plane of units: blocks one after the other; in a block the
 * query/key units of head 0, 1, …, then the value/output units of head 0, 1, …, then the neurons.
 */
export interface UnitLayout {
  readonly layers: number;
  readonly kvHeads: number;
  readonly qkUnits: number;
  readonly headDim: number;
  readonly intermediate: number;
  /** Units of a block. */
  readonly perLayer: number;
  /** Bytes of a block's bits, least significant bit first; every block starts at a whole byte. */
  readonly bytesPerLayer: number;
}

/**
 * The layout of a model's units.
 * @throws EngineError `decode` for sizes of a record that no model has: everything that draws or reads
 *   units allocates by this layout
 */
export function unitLayout(model: ModelSummary): UnitLayout {
  const excess = excessOf(model);
  if (excess !== undefined) throw tooLarge(excess);
  const { layers, kvHeads, qkUnits, headDim, intermediate } = model;
  const perLayer = kvHeads * (qkUnits + headDim) + intermediate;
  const bytesPerLayer = Math.ceil(perLayer / 8);
  return { layers, kvHeads, qkUnits, headDim, intermediate, perLayer, bytesPerLayer };
}

function tooLarge({ expected, found }: { expected: string; found: string }): EngineError {
  return new EngineError('decode', {
    what: 'The sizes of the model',
    expected,
    found,
    action: 'The record of this run is damaged: restore it, or start a new run.',
    sentence: `The record of this run describes a model that cannot exist: it would have ${found}, and ${expected} are read.`,
  });
}
