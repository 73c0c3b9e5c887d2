import { join } from 'node:path';
import { closeQuietly } from '../../files/release.ts';
import { EngineError, isEngineError, misfit } from '../../protocol/errors.ts';
import type { Linear } from '../checkpoint/modelWeights.ts';
import { openInFolder } from '../checkpoint/modelFolder.ts';
import { readFloats, readSafetensorsIndex } from '../checkpoint/safetensorsFile.ts';
import type { TensorEntry } from '../checkpoint/safetensorsHeader.ts';
import {
  safetensorsBytes,
  type TensorToWrite,
  writeSafetensors,
} from '../checkpoint/safetensorsWriter.ts';
import { shown } from '../checkpoint/shown.ts';
import { type Block, qkUnitCount, queriesPerKey } from '../model/block.ts';
import {
  between,
  type PreparedBlock,
  type RefittedKind,
  type RemovalOrders,
} from './blockLevels.ts';
import type { BlockGrid, LevelKind } from './levelGrid.ts';

/** What the store holds of a block besides the refitted weights. */
export interface StoredBlock {
  /** v and o in the basis that orders value dimensions; v's bias with it. */
  readonly v: Linear;
  readonly o: Float32Array;
  readonly orders: RemovalOrders;
  /** Share of the energy that is lost at each level of the grid: of an output map's, of the scores'. */
  readonly errors: Readonly<Record<LevelKind, Float32Array>>;
}

/**
 * Levels of a model on disk: a file of each block, in the safetensors format, with the refitted output
 * maps in half precision. Names are `mlp.<width>` and `vo.<width>`, rows [k, H] in ascending order of
 * the inputs that are kept.
 */
export class LevelStore {
  readonly #folder: string;
  readonly #entries = new Map<number, readonly TensorEntry[]>();

  /** @param folder  an existing folder of ours */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Writes the levels of a block, whole or not at all.
   * @throws EngineError `disk`, `numeric` for weights beyond half precision, `cancelled`
   */
  async write(
    index: number,
    { layer, levels, orders, qkErrors }: PreparedBlock,
    signal?: AbortSignal,
  ): Promise<void> {
    const { hidden } = layer.block;
    const whole = (name: string, values: ArrayLike<number>): TensorToWrite => ({
      name,
      dims: [values.length],
      dtype: 'F32',
      values: () => Float32Array.from(values),
    });
    const tensors: TensorToWrite[] = [
      {
        name: 'v',
        dims: [layer.v.weight.length / hidden, hidden],
        values: () => layer.v.weight,
        dtype: 'F32',
      },
      ...(layer.v.bias === null ? [] : [whole('v.bias', layer.v.bias)]),
      {
        name: 'o',
        dims: [layer.o.weight.length / hidden, hidden],
        values: () => layer.o.weight,
        dtype: 'F32',
      },
      ...(['vo', 'qk', 'mlp'] as const).map((kind) => whole(`${kind}.order`, orders[kind])),
    ];
    tensors.push(whole('qk.errors', qkErrors));
    for (const kind of REFITTED) {
      tensors.push(whole(`${kind}.errors`, [0, ...levels[kind].map(({ error }) => error), 1]));
      for (const { units, weight } of levels[kind]) {
        tensors.push({
          name: `${kind}.${units.length}`,
          dims: [weight.rows, hidden],
          values: () => Float32Array.from(weight.data),
        });
      }
    }
    await writeSafetensors(join(this.#folder, levelFile(index)), tensors, { dtype: 'F16', signal });
  }

  /** True when a block's file is there, whole and of this grid. */
  async has(index: number, block: Block, grid: BlockGrid): Promise<boolean> {
    try {
      const { entries } = await readSafetensorsIndex(this.#folder, levelFile(index));
      const found = entries.map(({ name, dtype, dims }) => `${name} ${dtype} ${dims.join()}`);
      const wanted = plannedTensors(block, grid).map(
        ({ name, dims, dtype }) => `${name} ${dtype ?? 'F16'} ${dims.join()}`,
      );
      return found.sort().join('\n') === wanted.sort().join('\n');
    } catch (error) {
      if (isEngineError(error, 'checkpoint')) return false;
      throw error;
    }
  }

  /** @throws EngineError `checkpoint` when the file is absent or damaged */
  async block(index: number, block: Block, signal?: AbortSignal): Promise<StoredBlock> {
    const tensors = await this.#read(index, (name) => !/^(?:mlp|vo)\.\d+$/.test(name), signal);
    const take = (name: string): Float32Array => {
      const found = tensors.get(name);
      if (found === undefined) throw damaged(levelFile(index), name);
      return found;
    };
    const { kvHeads, headDim } = block.attention;
    const order = (kind: LevelKind, units: number, times = 1): Uint32Array => {
      const found = Uint32Array.from(take(`${kind}.order`));
      if (!isOrder(found, units, times)) throw damaged(levelFile(index), `${kind}.order`);
      return found;
    };
    return {
      v: { weight: take('v'), bias: tensors.get('v.bias') ?? null },
      o: take('o'),
      orders: {
        vo: order('vo', kvHeads, headDim),
        qk: order('qk', kvHeads * qkUnitCount(block.attention)),
        mlp: order('mlp', block.mlp.intermediate),
      },
      errors: { vo: take('vo.errors'), qk: take('qk.errors'), mlp: take('mlp.errors') },
    };
  }

  /**
   * The refitted rows of a level, [k, H].
   * @throws EngineError `checkpoint` when the file is absent or damaged
   */
  async level(
    index: number,
    kind: RefittedKind,
    width: number,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const name = `${kind}.${width}`;
    const tensors = await this.#read(index, (one) => one === name, signal);
    const found = tensors.get(name);
    if (found === undefined) throw damaged(levelFile(index), name);
    return found;
  }

  async #read(
    index: number,
    wanted: (name: string) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Float32Array>> {
    const file = levelFile(index);
    const entries =
      this.#entries.get(index) ?? (await readSafetensorsIndex(this.#folder, file)).entries;
    this.#entries.set(index, entries);
    const { handle } = await openInFolder(this.#folder, file, { links: 'refused' });
    try {
      const found = new Map<string, Float32Array>();
      for (const entry of entries.filter(({ name }) => wanted(name))) {
        const values = new Float32Array(entry.elements);
        const sink = (part: Float32Array, first: number): void => values.set(part, first);
        await readFloats(handle, file, entry, { rowSize: entry.dims.at(-1)!, signal, sink });
        found.set(entry.name, values);
      }
      return found;
    } finally {
      await closeQuietly(handle);
    }
  }
}

/** True when every unit below a count is named so many times. */
function isOrder(order: Uint32Array, units: number, times: number): boolean {
  const counts = new Uint32Array(units);
  for (const unit of order) {
    if (unit >= units) return false;
    counts[unit]!++;
  }
  return counts.every((count) => count === times);
}

const REFITTED = ['vo', 'mlp'] as const;

/** Bytes that the levels of a block take on disk. */
export function levelBytes(block: Block, grid: BlockGrid): number {
  return safetensorsBytes(plannedTensors(block, grid), 'F16');
}

function plannedTensors(
  block: Block,
  grid: BlockGrid,
): Pick<TensorToWrite, 'name' | 'dims' | 'dtype'>[] {
  const { hidden, attention, mlp } = block;
  const { kvHeads, heads, headDim } = attention;
  const values = kvHeads * headDim;
  const group = queriesPerKey(attention);
  const plain = (name: string, ...dims: number[]) => ({ name, dims, dtype: 'F32' as const });
  return [
    plain('v', values, hidden),
    ...(attention.maps.v.bias ? [plain('v.bias', values)] : []),
    plain('o', heads * headDim, hidden),
    plain('vo.order', values),
    plain('qk.order', kvHeads * qkUnitCount(attention)),
    plain('mlp.order', mlp.intermediate),
    plain('qk.errors', grid.qk.length),
    plain('vo.errors', grid.vo.length),
    plain('mlp.errors', grid.mlp.length),
    ...between(grid.vo).map((width) => ({ name: `vo.${width}`, dims: [width * group, hidden] })),
    ...between(grid.mlp).map((width) => ({ name: `mlp.${width}`, dims: [width, hidden] })),
  ];
}

/** Name of the file of a block's levels. */
export function levelFile(index: number): string {
  return `block-${String(index).padStart(3, '0')}.safetensors`;
}

function damaged(file: string, name: string): EngineError {
  return new EngineError('checkpoint', {
    ...misfit(file, `tensor ${shown(name)}`, 'none, or another'),
    action: 'Delete the folder of levels; it is made again.',
    sentence: `The levels in ${file} are damaged: ${shown(name)} is not there, or is not what was written.`,
  });
}
