import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { type MapChanges, type WeightSource, withChanges } from '../checkpoint/weightSource.ts';
import { type Block, blocksOf, OUTPUT_MAP, qkUnitsOf, type SublayerKind } from '../model/block.ts';
import { sublayerParameters } from '../model/cost.ts';
import { rowsOf } from '../model/rows.ts';
import { isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';
import { subnetKey } from '../subnet/key.ts';
import { levelMask, type LevelWidths, type RefittedKind } from './blockLevels.ts';
import { type BlockGrid, LEVEL_KINDS, type LevelKind } from './levelGrid.ts';
import type { LevelStore, StoredBlock } from './levelStore.ts';

/**
 * A level of each kind in each block: indices into the grids, 0 for all units, in the order of
 * {@link LEVEL_KINDS}, block by block, [3L].
 */
export type Levels = Uint16Array;

/** Bytes of refitted maps that are held at a time. */
export const CACHE_BYTES = 400e6;

/** A model with levels: what it is and costs at each choice of them. */
export class LevelModel {
  /** The dense model with its values in the basis of the levels; it computes what the source does. */
  readonly weights: WeightSource;
  readonly grids: readonly BlockGrid[];
  readonly blocks: readonly StoredBlock[];
  readonly #store: LevelStore;
  readonly #shapes: readonly Block[];
  readonly #masks = new Map<string, LayerMask>();
  readonly #maps = new Map<string, { readonly bytes: number; readonly linear: Promise<Linear> }>();
  readonly #costs = new Map<string, number>();
  #held = 0;

  private constructor(
    weights: WeightSource,
    grids: readonly BlockGrid[],
    store: LevelStore,
    blocks: readonly StoredBlock[],
  ) {
    this.weights = weights;
    this.grids = grids;
    this.blocks = blocks;
    this.#store = store;
    this.#shapes = blocksOf(weights.shape);
  }

  /**
   * @param weights  the source model
   * @param store  which holds the levels of every block
   * @throws EngineError `checkpoint` when it does not
   */
  static async open(
    weights: WeightSource,
    grids: readonly BlockGrid[],
    store: LevelStore,
    signal?: AbortSignal,
  ): Promise<LevelModel> {
    const blocks: StoredBlock[] = [];
    for (const [index, block] of blocksOf(weights.shape).entries()) {
      blocks.push(await store.block(index, block, signal));
    }
    const rotated = new Map<number, MapChanges>();
    for (const [index, { v, o }] of blocks.entries()) {
      const { bias } = (await weights.block(index)).o;
      rotated.set(index, { v, o: { weight: o, bias } });
      weights.release(index);
    }
    return new LevelModel(withChanges(weights, rotated), grids, store, blocks);
  }

  /** The levels at which everything is kept. */
  dense(): Levels {
    return new Uint16Array(LEVEL_KINDS.length * this.grids.length);
  }

  /** True for one level of each kind and block, each of which there is. */
  accepts(levels: Levels): boolean {
    const counts = this.grids.flatMap((grid) => LEVEL_KINDS.map((kind) => grid[kind].length));
    return levels.length === counts.length && levels.every((level, i) => level < counts[i]!);
  }

  /** The widths of a block, in units. */
  widths(levels: Levels, index: number): LevelWidths {
    const at = (kind: LevelKind): number => this.grids[index]![kind][levels[geneOf(index, kind)]!]!;
    return { qk: at('qk'), vo: at('vo'), mlp: at('mlp') };
  }

  /** What a block keeps. */
  mask(levels: Levels, index: number): LayerMask {
    const widths = this.widths(levels, index);
    const key = `${index}:${widths.qk}:${widths.vo}:${widths.mlp}`;
    let mask = this.#masks.get(key);
    if (mask === undefined) {
      mask = levelMask(this.#shapes[index]!, this.blocks[index]!.orders, widths);
      this.#masks.set(key, mask);
    }
    return mask;
  }

  /**
   * The levels whose masks are those of a subnet: the inverse of {@link subnet}.
   * @returns  null for masks that are not those of any levels
   */
  levelsOf(subnet: Subnet): Levels | null {
    const levels = this.dense();
    for (const [index, grid] of this.grids.entries()) {
      const widths = widthsOf(this.#shapes[index]!, subnet.layers[index]!);
      for (const kind of LEVEL_KINDS) {
        const level = grid[kind].indexOf(widths[kind]);
        if (level < 0) return null;
        levels[geneOf(index, kind)] = level;
      }
    }
    return subnetKey(this.subnet(levels)) === subnetKey(subnet) ? levels : null;
  }

  subnet(levels: Levels): Subnet {
    return { layers: this.grids.map((_, index) => this.mask(levels, index)) };
  }

  /** Block parameters of a choice of levels. */
  parameters(levels: Levels): number {
    let sum = 0;
    for (const index of this.grids.keys()) sum += this.blockParameters(levels, index);
    return sum;
  }

  /** Block parameters of one block. */
  blockParameters(levels: Levels, index: number): number {
    const widths = this.widths(levels, index);
    const cost = (kind: SublayerKind, key: string): number => {
      let found = this.#costs.get(key);
      if (found === undefined) {
        found = sublayerParameters(this.#shapes[index]!, kind, this.mask(levels, index));
        this.#costs.set(key, found);
      }
      return found;
    };
    return (
      cost('attention', `${index}:${widths.qk}:${widths.vo}`) +
      cost('mlp', `${index}:${widths.mlp}`)
    );
  }

  /**
   * The weights of a block at its levels: o and down fitted to what is left out. The caller releases
   * the block.
   * @throws EngineError `checkpoint` when the levels cannot be read
   */
  async layer(levels: Levels, index: number): Promise<LayerWeights> {
    const layer = await this.weights.block(index);
    const widths = this.widths(levels, index);
    const mask = this.mask(levels, index);
    const [o, down] = await Promise.all([
      this.#map(layer, { index, sublayer: 'attention', width: widths.vo, mask }),
      this.#map(layer, { index, sublayer: 'mlp', width: widths.mlp, mask }),
    ]);
    return { ...layer, o, down };
  }

  /** The model at its levels, whose blocks are put together when they are asked for. */
  view(levels: Levels): WeightSource {
    const { shape, isHeld } = this.weights;
    return {
      ...{ shape, isHeld },
      block: (index) => this.layer(levels, index),
      release: (index) => {
        this.weights.release(index);
      },
      once: () => this.weights.once(),
      key: async (signal) => (await this.at(levels)).key(signal),
    };
  }

  /** The model at its levels, with all its refitted maps in memory. */
  async at(levels: Levels): Promise<WeightSource> {
    const changes = new Map<number, MapChanges>();
    for (const index of this.grids.keys()) {
      const { o, down } = await this.layer(levels, index);
      this.weights.release(index);
      changes.set(index, { o, down });
    }
    return withChanges(this.weights, changes);
  }

  #map(layer: LayerWeights, { index, sublayer, width, mask }: MapAtLevel): Promise<Linear> {
    const linear = layer[OUTPUT_MAP[sublayer]];
    const kind = sublayer === 'mlp' ? 'mlp' : 'vo';
    const grid = this.grids[index]![kind];
    if (width === grid[0] || !isPresent(sublayer, mask)) return Promise.resolve(linear);
    const key = `${index}:${kind}:${width}`;
    const known = this.#maps.get(key);
    if (known !== undefined) this.#maps.delete(key);
    else this.#held += linear.weight.byteLength;
    const bytes = linear.weight.byteLength;
    const rows = rowsOf(layer.block, OUTPUT_MAP[sublayer], mask);
    const held = known ?? { bytes, linear: this.#read(linear, rows, { index, kind, width }) };
    this.#maps.set(key, held);
    for (const [oldest, { bytes: freed }] of this.#maps) {
      if (this.#held <= CACHE_BYTES || oldest === key) break;
      this.#maps.delete(oldest);
      this.#held -= freed;
    }
    return held.linear;
  }

  async #read(
    linear: Linear,
    rows: Uint32Array,
    {
      index,
      kind,
      width,
    }: { readonly index: number; readonly kind: RefittedKind; readonly width: number },
  ): Promise<Linear> {
    const { hidden } = this.weights.shape;
    const fitted = await this.#store.level(index, kind, width);
    const weight = new Float32Array(linear.weight.length);
    rows.forEach((row, i) => {
      weight.set(fitted.subarray(i * hidden, (i + 1) * hidden), row * hidden);
    });
    return { weight, bias: linear.bias };
  }
}

/** The units that a mask keeps of each kind; of query/key units that are whole heads, all or none. */
function widthsOf({ attention }: Block, { heads, mlp }: LayerMask): LevelWidths {
  const sum = (kind: 'qk' | 'vo'): number =>
    heads.reduce((all, head) => all + head[kind].length, 0);
  const qk = sum('qk');
  const isWhole = qkUnitsOf(attention).whole && qk > 0;
  return { qk: isWhole ? attention.kvHeads : qk, vo: sum('vo'), mlp: mlp.length };
}

/** An output map of a block at the width of its level. */
interface MapAtLevel {
  readonly index: number;
  readonly sublayer: SublayerKind;
  readonly width: number;
  readonly mask: LayerMask;
}

/** Place of a kind's level of a block among {@link Levels}. */
export function geneOf(index: number, kind: LevelKind): number {
  return LEVEL_KINDS.length * index + LEVEL_KINDS.indexOf(kind);
}

/** The block and the kind of a place among {@link Levels}: the inverse of {@link geneOf}. */
export function placeOf(gene: number): { readonly index: number; readonly kind: LevelKind } {
  const kinds = LEVEL_KINDS.length;
  return { index: Math.floor(gene / kinds), kind: LEVEL_KINDS[gene % kinds]! };
}
