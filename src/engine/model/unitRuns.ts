import { type Attention, qkUnitsOf } from './block.ts';

/**
 * Neighbouring query/key units of a head that are of one kind. They cost the same and compete with
 * one another: under partial rotation a head has a run of pairs and a run of single dimensions.
 */
export interface UnitRun {
  /** Of one unit; also the name of its price in `UnitCosts`. */
  readonly kind: 'pair' | 'single' | 'head';
  /** Index of the first unit among those of the head. */
  readonly first: number;
  readonly count: number;
  /** Head dimensions of one unit. */
  readonly dims: number;
}

/** The runs of query/key units of each key/value head of a block, at least one. */
export function qkRunsOf(
  attention: Pick<Attention, 'rotary' | 'headDim' | 'qkNorm'>,
): readonly UnitRun[] {
  const { pairs, singles, whole } = qkUnitsOf(attention);
  if (whole) return [{ kind: 'head', first: 0, count: 1, dims: attention.headDim }];
  const runs: UnitRun[] = [
    { kind: 'pair', first: 0, count: pairs, dims: 2 },
    { kind: 'single', first: pairs, count: singles, dims: 1 },
  ];
  return runs.filter(({ count }) => count > 0);
}

/**
 * The units of a run that are among a head's, as indices into the run.
 * @param units  of the head, ascending
 * @returns  ascending; may be the array given
 */
export function unitsInRun(
  { first, count }: Pick<UnitRun, 'first' | 'count'>,
  units: Uint32Array,
): Uint32Array {
  const isWhole = first === 0 && (units.at(-1) ?? 0) < count;
  if (isWhole) return units;
  return units.filter((unit) => unit >= first && unit < first + count).map((unit) => unit - first);
}
