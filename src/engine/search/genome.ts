import { EngineError } from '../../protocol/errors.ts';
import { decodeLayer, encodeLayer, type EncodedLayer } from '../subnet/encode.ts';
import { equalIndices } from '../subnet/key.ts';
import { headOfTied, keepBest } from '../subnet/select.ts';
import {
  emptyMask,
  hasAttention,
  type HeadMask,
  type LayerMask,
  type Subnet,
} from '../model/subnet.ts';
import type { Pool, Terrain } from './terrain.ts';

/**
 * A candidate as the search sees it: which blocks are present, and the kept units of every pool.
 *
 * A dropped block remembers its masks, so that it can come back as it was. The ratio genes of the
 * paper are what the masks keep ({@link ratioOf}).
 *
 * Deviation: the paper stores the ratios it drew beside the masks; after repair to an exact budget
 * a stored ratio could disagree with its mask, so the mask is the only truth here.
 */
export interface Genome {
  /** [L] */
  readonly present: readonly boolean[];
  /** [L][pools], places among the pool's members, ascending. */
  readonly kept: readonly (readonly Uint32Array[])[];
}

/** A genome as JSON: every block's mask, dropped blocks included, and which are dropped. */
export interface EncodedGenome {
  readonly dropped: readonly number[];
  readonly layers: readonly EncodedLayer[];
}

/** The kept fraction of a pool. */
export function ratioOf(pool: Pool, kept: Uint32Array): number {
  return kept.length / pool.units;
}

/** Number of blocks present. */
export function depthOf(genome: Genome): number {
  return genome.present.filter(Boolean).length;
}

/** Block parameters of a genome. */
export function genomeParameters(terrain: Terrain, genome: Genome): number {
  let count = 0;
  genome.kept.forEach((pools, l) => {
    if (!genome.present[l]) return;
    count += terrain.blockFixed[l]!;
    pools.forEach((kept, p) => (count += kept.length * terrain.pools[l]![p]!.cost));
  });
  return count;
}

/** The subnet a genome stands for; dropped blocks are empty. */
export function subnetOf(terrain: Terrain, genome: Genome): Subnet {
  return {
    layers: genome.kept.map((kept, l) =>
      genome.present[l] ? maskOf(terrain, l, kept) : emptyMask(terrain.shape.kvHeads),
    ),
  };
}

/**
 * The genome of a subnet. A block without attention and MLP counts as dropped and remembers its
 * best units at the share of the budget.
 * @throws EngineError  `shape` when the subnet has a form this space cannot express: a sublayer or
 *   head removed alone, or q/k and v/o masks that differ in a tied space
 */
export function genomeOf(terrain: Terrain, subnet: Subnet): Genome {
  const present = subnet.layers.map((mask) => hasAttention(mask) || mask.mlp.length > 0);
  const kept = subnet.layers.map((mask, l) =>
    present[l] ? poolsOfMask(terrain, l, mask) : dormantUnits(terrain, l),
  );
  return { present, kept };
}

/** A genome as plain JSON. */
export function encodeGenome(terrain: Terrain, genome: Genome): EncodedGenome {
  return {
    dropped: genome.present.flatMap((present, l) => (present ? [] : [l])),
    layers: genome.kept.map((kept, l) => encodeLayer(maskOf(terrain, l, kept))),
  };
}

/**
 * The genome that {@link encodeGenome} wrote.
 * @param value  JSON of the right outer form; its contents are not trusted
 * @throws EngineError  `decode` or `shape`, naming the path of the fault
 */
export function decodeGenome(terrain: Terrain, value: EncodedGenome, path: string): Genome {
  const { shape } = terrain;
  const { dropped, layers } = value;
  const legal =
    Array.isArray(dropped) &&
    Array.isArray(layers) &&
    layers.length === shape.layers &&
    dropped.length < shape.layers &&
    dropped.every((l) => Number.isInteger(l) && l >= 0 && l < shape.layers);
  if (!legal) {
    throw new EngineError('decode', {
      what: path,
      expected: `${shape.layers} layers of which at least one is not dropped`,
      found: 'something else',
      action: 'Resume from an earlier generation, or start the search again.',
      sentence: `The state of the search is damaged: ${path} does not describe ${shape.layers} blocks of which one stays.`,
    });
  }
  const gone = new Set(dropped);
  return {
    present: layers.map((_, l) => !gone.has(l) && terrain.pools[l]!.length > 0),
    kept: layers.map((layer, l) =>
      poolsOfMask(terrain, l, decodeLayer(terrain.blocks[l]!, layer, `${path}.layers[${l}]`)),
    ),
  };
}

function maskOf(terrain: Terrain, layer: number, kept: readonly Uint32Array[]): LayerMask {
  const { attention } = terrain.blocks[layer]!;
  const pools = terrain.pools[layer]!;
  const unitsOf = (wanted: (pool: Pool) => boolean): Uint32Array => {
    const found = pools.flatMap((pool, p) => (wanted(pool) ? [unitsAt(pool, kept[p]!)] : []));
    // The runs of a head follow one another, so that their units are ascending together.
    return found.length === 1 ? found[0]! : Uint32Array.from(found.flatMap((one) => [...one]));
  };
  return {
    heads: Array.from({ length: attention.kvHeads }, (_, h): HeadMask => {
      const qk = unitsOf(({ kind, head }) => head === h && (kind === 'qk' || kind === 'tied'));
      if (terrain.space.masks === 'tied') return headOfTied(attention, qk);
      return { qk, vo: unitsOf(({ kind, head }) => head === h && kind === 'vo') };
    }),
    mlp: unitsOf(({ kind }) => kind === 'mlp'),
  };
}

/** The units at some places of a pool; may be the array given. */
function unitsAt({ members, units }: Pool, places: Uint32Array): Uint32Array {
  if (members.at(-1) === units - 1) return places;
  return places.map((place) => members[place]!);
}

/** The places of a pool's members among some units, ascending; may be the array given. */
function placesOf({ members, units: count }: Pool, units: Uint32Array): Uint32Array {
  if (members.at(-1) === count - 1 && (units.at(-1) ?? 0) < count) return units;
  const placeOf = new Map(Array.from(members, (unit, place) => [unit, place]));
  return Uint32Array.from(
    units.filter((unit) => placeOf.has(unit)),
    (unit) => placeOf.get(unit)!,
  );
}

function poolsOfMask(terrain: Terrain, layer: number, mask: LayerMask): Uint32Array[] {
  const tied = terrain.space.masks === 'tied';
  const pools = terrain.pools[layer]!.map((pool) => {
    if (pool.kind === 'mlp') return placesOf(pool, mask.mlp);
    const { qk, vo } = mask.heads[pool.head]!;
    return placesOf(pool, pool.kind === 'vo' ? vo : qk);
  });
  if (pools.some((kept) => kept.length === 0)) {
    throw inexpressible(
      ...[layer, 'every head and the MLP of a present block to keep some of every kind of unit'],
      'a head or the MLP keeps nothing of a kind of unit',
    );
  }
  const { attention } = terrain.blocks[layer]!;
  const isTied = ({ qk, vo }: HeadMask): boolean => equalIndices(vo, headOfTied(attention, qk).vo);
  if (tied && !mask.heads.every(isTied)) {
    throw inexpressible(
      ...[layer, 'the same units under q/k and v/o, as "tied" masks have'],
      'the units under q/k and v/o differ, but masks are "tied"',
    );
  }
  return pools;
}

function dormantUnits(terrain: Terrain, layer: number): Uint32Array[] {
  const fixed = terrain.blockFixed.reduce((sum, one) => sum + one, 0);
  const dense = terrain.pools.flat().reduce((sum, pool) => sum + pool.cost * pool.units, fixed);
  return terrain.pools[layer]!.map((pool) => {
    const count = Math.round((terrain.budget / dense) * pool.units);
    return keepBest(pool.scores, Math.min(pool.most, Math.max(pool.least, count)));
  });
}

function inexpressible(layer: number, expected: string, flaw: string): EngineError {
  return new EngineError('shape', {
    what: `Initial subnet, layers[${layer}]`,
    expected,
    found: 'another form of mask',
    sentence: `The initial subnet does not fit the search in block ${layer}: ${flaw}.`,
    action: 'Start from a subnet made for this space, or choose "decoupled" masks.',
  });
}
