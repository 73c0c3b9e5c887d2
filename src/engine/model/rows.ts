import {
  type Attention,
  type Block,
  type LinearName,
  mapOf,
  MAPS,
  queriesPerKey,
  qkUnitsOf,
  type SublayerKind,
} from './block.ts';
import type { HeadMask, LayerMask } from './subnet.ts';

/** Stored rows that a mask keeps of each map of a sublayer. */
export type KeptRows = Readonly<Partial<Record<LinearName, Uint32Array>>>;

/**
 * Stored rows that a mask keeps of a linear map, in the order of a sliced weight: the rows of q, k
 * and v are output features, those of o and down input features, as `Linear` stores them.
 *
 * This is the one table of what a mask keeps: forward passes, refits, exports and counts follow it.
 * @param order  kept key/value heads in the order in which they are stored; ascending when absent
 * @returns  ascending within a part of a head; may be the mask's own array
 * @throws RangeError for a map that the table does not know: a mistake of ours
 */
export function rowsOf(
  block: Block,
  map: LinearName,
  mask: LayerMask,
  order: readonly number[] = keptHeadsOf(mask),
): Uint32Array {
  const { attention } = block;
  switch (map) {
    case 'q':
    case 'o':
      return joined(
        order.flatMap((g) => queryHeadsOf(attention, g).flatMap((head) => at(head, map, g))),
      );
    case 'k':
    case 'v':
      return joined(order.flatMap((g) => at(g, map, g)));
    case 'gate':
    case 'up':
    case 'down':
      return mask.mlp;
    default:
      return unknownMap(map);
  }

  function at(head: number, name: 'q' | 'k' | 'v' | 'o', g: number): readonly Uint32Array[] {
    return headParts(attention, name, mask.heads[g]!).map((part) =>
      part.map((dim) => head * attention.headDim + dim),
    );
  }
}

/** The rows a mask keeps of each map that a sublayer has. */
export function sublayerRows(block: Block, kind: SublayerKind, mask: LayerMask): KeptRows {
  const maps = MAPS[kind].filter((name) => mapOf(block, name) !== null);
  return Object.fromEntries(maps.map((name) => [name, rowsOf(block, name, mask)]));
}

/**
 * Dimensions of a head that a mask keeps for one map, in parts. Of q and k these are what rotation
 * joins, part by part: the lower halves of the kept pairs, their upper halves, and the dimensions
 * that are not rotated. A part may be empty; every head of a block has as many parts.
 */
export function headParts(
  attention: Attention,
  map: 'q' | 'k' | 'v' | 'o',
  { qk, vo }: HeadMask,
): readonly Uint32Array[] {
  return map === 'v' || map === 'o' ? [vo] : qkParts(attention, qk);
}

/** Dimensions of a head that query/key units are, in the parts of {@link headParts}. */
export function qkParts(
  attention: Pick<Attention, 'rotary' | 'headDim' | 'qkNorm'>,
  units: Uint32Array,
): readonly Uint32Array[] {
  const { pairs, singles, whole } = qkUnitsOf(attention);
  if (whole) return wholeParts(pairs, singles, units.length > 0);
  if (pairs === 0) return [units];
  const lower = singles === 0 ? units : units.filter((unit) => unit < pairs);
  const upper = lower.map((unit) => unit + pairs);
  if (singles === 0) return [lower, upper];
  // The first dimension that is not rotated is 2·pairs, and its unit is the one after the pairs.
  return [lower, upper, units.filter((unit) => unit >= pairs).map((unit) => unit + pairs)];
}

/** The head dimensions of query/key units, part by part: ascending for ascending units. */
export function unitDims(
  attention: Pick<Attention, 'rotary' | 'headDim' | 'qkNorm'>,
  units: Uint32Array,
): Uint32Array {
  return joined(qkParts(attention, units));
}

/** The rotary pairs of a key/value head that a mask keeps, ascending. */
export function pairsOf(attention: Attention, { qk }: HeadMask): Uint32Array {
  return qkUnitsOf(attention).pairs === 0 ? new Uint32Array(0) : qkParts(attention, qk)[0]!;
}

/** Every dimension of a head that is one unit, in the parts of {@link qkParts}; none when it is gone. */
function wholeParts(pairs: number, singles: number, isKept: boolean): readonly Uint32Array[] {
  const run = (from: number, count: number): Uint32Array =>
    Uint32Array.from({ length: isKept ? count : 0 }, (_, i) => from + i);
  const parts = pairs === 0 ? [] : [run(0, pairs), run(pairs, pairs)];
  return singles === 0 ? parts : [...parts, run(2 * pairs, singles)];
}

/** The query heads that share a key/value head. */
export function queryHeadsOf(attention: Attention, kvHead: number): number[] {
  const group = queriesPerKey(attention);
  return Array.from({ length: group }, (_, i) => kvHead * group + i);
}

/** The key/value heads that a mask keeps, ascending. */
export function keptHeadsOf({ heads }: Pick<LayerMask, 'heads'>): number[] {
  return [...heads.keys()].filter((g) => heads[g]!.qk.length > 0);
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let next = 0;
  for (const part of parts) {
    out.set(part, next);
    next += part.length;
  }
  return out;
}

function unknownMap(map: never): never {
  throw new RangeError(`No rule says which rows a mask keeps of the map ${String(map)}.`);
}
