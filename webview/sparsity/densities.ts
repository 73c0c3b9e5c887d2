import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { MapName, SparseMap, SparsityRecord } from '../../src/protocol/sparsityRecord.ts';
import { sparsifyOf } from '../data/sparseRun.ts';
import { mapOrder } from '../data/mapOrder.ts';

/** One weight of the model as far as it is known. */
export interface WeightCell {
  readonly block: number;
  readonly map: MapName;
  readonly kept: number;
  readonly size: number;
  /** What the record says of it; null while there is no record. */
  readonly found: SparseMap | null;
}

/** Blocks by maps, how full each is. */
export interface Densities {
  readonly blocks: number;
  readonly maps: readonly MapName[];
  /** [blocks × maps]; null for what is not sparse, or not yet. */
  readonly cells: readonly (WeightCell | null)[];
  /** Whether a reform recorded errors. */
  readonly hasErrors: boolean;
}

/** More blocks than any model has: a record of more is cut off. */
const MOST_BLOCKS = 512;

/** How full the weights of a run are: what the record says, and what has been told since. */
export function densitiesOf(run: RunSnapshot, record: SparsityRecord | null): Densities {
  const cells = new Map<string, WeightCell>();
  const seen = new Set<MapName>();
  let blocks = run.head.model?.layers ?? 0;
  const put = (cell: WeightCell): void => {
    if (cell.block >= MOST_BLOCKS) return;
    cells.set(keyOf(cell.block, cell.map), cell);
    seen.add(cell.map);
    blocks = Math.max(blocks, cell.block + 1);
  };
  for (const found of record?.maps ?? []) {
    const { block, map, kept } = found;
    put({ block, map, kept, size: found.rows * found.columns, found });
  }
  run.model.densities.forEach((maps, block) => {
    for (const { map, kept, size } of maps) {
      if (!cells.has(keyOf(block, map))) put({ block, map, kept, size, found: null });
    }
  });
  // Before the first block is done its maps are those of the scope.
  const isMlp = (map: MapName): boolean => map === 'gate' || map === 'up' || map === 'down';
  const all = sparsifyOf(run).scope === 'all';
  const maps = mapOrder.filter((map) => (seen.size > 0 ? seen.has(map) : all || isMlp(map)));
  const shown = Math.min(blocks, MOST_BLOCKS);
  return {
    ...{ blocks: shown, maps },
    cells: Array.from(
      { length: shown * maps.length },
      (_, at) => cells.get(keyOf(Math.floor(at / maps.length), maps[at % maps.length]!)) ?? null,
    ),
    hasErrors: record?.maps.some(({ error }) => error !== null) ?? false,
  };
}

/** What cells are coloured by. */
export const colourings = ['kept', 'error'] as const;
/** One of them. */
export type Colouring = (typeof colourings)[number];

/** The value of a cell under a colouring, 0 to 1; null when it has none. */
export function valueOf(cell: WeightCell | null, by: Colouring): number | null {
  if (cell === null) return null;
  if (by === 'kept') return cell.size === 0 ? null : cell.kept / cell.size;
  const error = cell.found?.error ?? null;
  if (error === null) return null;
  return error.before > 0 ? Math.min(1, error.after / error.before) : 1;
}

/** The mean of a block: of its weights, or of what the reform left of its errors; null before it is there. */
export function blockValue(
  { cells, maps }: Densities,
  block: number,
  by: Colouring,
): number | null {
  const own = cells
    .slice(block * maps.length, (block + 1) * maps.length)
    .filter((cell) => cell !== null);
  if (own.length === 0) return null;
  if (by === 'kept') {
    const size = own.reduce((sum, cell) => sum + cell.size, 0);
    return size === 0 ? null : own.reduce((sum, cell) => sum + cell.kept, 0) / size;
  }
  const values = own.map((cell) => valueOf(cell, by)).filter((value) => value !== null);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function keyOf(block: number, map: MapName): string {
  return `${block} ${map}`;
}
