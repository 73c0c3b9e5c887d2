import { EngineError } from '../../protocol/errors.ts';
import { decodeLayer, encodeLayer, type EncodedLayer } from '../subnet/encode.ts';
import { headOfTied, keepBest } from '../subnet/select.ts';
import {
  emptyMask,
  hasAttention,
  type HeadMask,
  type LayerMask,
  type Subnet,
} from '../model/subnet.ts';
import { joinRuns, unitsInRun } from '../model/unitRuns.ts';
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
  /** [L][pools], unit indices of the pool, ascending. */
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
    present: layers.map((_, l) => !gone.has(l)),
    kept: layers.map((layer, l) =>
      poolsOfMask(terrain, l, decodeLayer(terrain.blocks[l]!, layer, `${path}.layers[${l}]`)),
    ),
  };
}

function maskOf(terrain: Terrain, layer: number, kept: readonly Uint32Array[]): LayerMask {
  const { attention } = terrain.blocks[layer]!;
  const none: Uint32Array = new Uint32Array(0);
  const heads = Array.from({ length: attention.kvHeads }, () => ({
    runs: [] as Pool[],
    units: [] as Uint32Array[],
    vo: none,
  }));
  for (const [p, pool] of terrain.pools[layer]!.entries()) {
    if (pool.kind === 'mlp') continue;
    const head = heads[pool.head]!;
    if (pool.kind === 'vo') {
      head.vo = kept[p]!;
    } else {
      head.runs.push(pool);
      head.units.push(kept[p]!);
    }
  }
  return {
    heads: heads.map(({ runs, units, vo }): HeadMask => {
      const qk = joinRuns(runs, units);
      return terrain.space.masks === 'tied' ? headOfTied(attention, qk) : { qk, vo };
    }),
    mlp: kept.at(-1)!,
  };
}

function poolsOfMask(terrain: Terrain, layer: number, mask: LayerMask): Uint32Array[] {
  const tied = terrain.space.masks === 'tied';
  const pools = terrain.pools[layer]!.map(({ kind, head, first, units }) => {
    if (kind === 'mlp') return mask.mlp;
    const { qk, vo } = mask.heads[head]!;
    return kind === 'vo' ? vo : unitsInRun({ first, count: units }, qk);
  });
  if (pools.some((kept) => kept.length === 0)) {
    throw inexpressible(
      ...[layer, 'every head and the MLP of a present block to keep some of every kind of unit'],
      'a head or the MLP keeps nothing of a kind of unit',
    );
  }
  const { attention } = terrain.blocks[layer]!;
  if (tied && !mask.heads.every((head) => sameUnits(head, headOfTied(attention, head.qk)))) {
    throw inexpressible(
      ...[layer, 'the same units under q/k and v/o, as "tied" masks have'],
      'the units under q/k and v/o differ, but masks are "tied"',
    );
  }
  return pools;
}

function sameUnits(head: HeadMask, tied: HeadMask): boolean {
  return head.vo.length === tied.vo.length && head.vo.every((dim, i) => dim === tied.vo[i]);
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
