import { hashFile, hashHandle } from '../../files/fileHash.ts';
import { closeQuietly } from '../../files/release.ts';
import { EngineError } from '../../protocol/errors.ts';
import { familyNamed } from '../checkpoint/families/registry.ts';
import { openInFolder, resolveFolder } from '../checkpoint/modelFolder.ts';
import { type Block, blockOf, mapOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { rowsOf } from '../model/rows.ts';
import type { Linear } from '../checkpoint/modelWeights.ts';
import {
  blockByBlock,
  changedSince,
  type MapChanges,
  type WeightSource,
  withChanges,
} from '../checkpoint/weightSource.ts';
import { readFloats, readSafetensorsIndex } from '../checkpoint/safetensorsFile.ts';
import type { TensorEntry } from '../checkpoint/safetensorsHeader.ts';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/safetensorsWriter.ts';
import { shown } from '../checkpoint/shown.ts';
import { arrayName } from '../checkpoint/tensorTable.ts';
import { mapNames, type MapName } from '../../protocol/sparsityRecord.ts';
import type { Subnet } from '../model/subnet.ts';
import { gatherRows } from '../graphs/keptRows.ts';

/** Name of the file. */
export const REFORMED_FILE = 'reformed.safetensors';

/** The maps that reformation changes. */
export const REFORMED_MAPS: readonly MapName[] = ['o', 'down'];

/** A file of changed weights. */
export interface ReformedFile {
  /** Its name. */
  readonly file: string;
  readonly sha256: string;
  /** The maps it holds of every block that has them. */
  readonly maps: readonly MapName[];
}

/** One map of one block: the rows a subnet keeps of it. */
interface ReformedLinear {
  readonly layer: number;
  readonly map: MapName;
  readonly rows: Uint32Array;
  readonly name: string;
  /** The bias and the entries of it that are written; null where the model has no such bias. */
  readonly bias: { readonly name: string; readonly entries: Uint32Array } | null;
}

/** The maps that a model, made from its source, has changed in any block, in a fixed order. */
export function changedMaps(source: WeightSource, weights: WeightSource): MapName[] {
  const changed = [...changedSince(weights, source).values()];
  return mapNames.filter((map) => changed.some((maps) => maps.has(map)));
}

/**
 * Writes changed weights of a candidate, float32: kept rows of the maps, and the biases of o, down
 * and v, which are the only ones that anything changes.
 *
 * Matrices are [kept, H], so that a row is a kept unit: o and down are transposed against Hugging
 * Face's.
 * @param maps  which of every block
 * @returns  size and SHA-256 of the file
 * @throws EngineError `disk`, `numeric`, `cancelled`
 */
export async function writeReformed(
  path: string,
  weights: WeightSource,
  subnet: Subnet,
  maps: readonly MapName[],
  signal?: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const { hidden } = weights.shape;
  const linears = reformedLinears(weights.shape, subnet, maps);
  const bytes = await blockByBlock(weights, (blocks) => {
    const tensors = linears.flatMap((one): TensorToWrite[] => {
      const linear = async (): Promise<Linear> => (await blocks.block(one.layer))[one.map]!;
      const matrix: TensorToWrite = {
        name: one.name,
        dims: [one.rows.length, hidden],
        values: async () => gatherRows((await linear()).weight, hidden, one.rows),
      };
      if (one.bias === null) return [matrix];
      const { name, entries } = one.bias;
      const values = async (): Promise<Float32Array> =>
        gatherRows((await linear()).bias!, 1, entries);
      return [matrix, { name, dims: [entries.length], values }];
    });
    return writeSafetensors(path, tensors, { dtype: 'F32', signal });
  });
  return { bytes, sha256: await hashFile(path, signal) };
}

/**
 * Reads changed weights and puts them into the source model's.
 * @param folder  where the file must lie
 * @param from  the file and what it must hash to
 * @param source  the source model, on which the result puts the maps of the file
 * @throws EngineError `checkpoint` when the file is absent, outside the folder, damaged or not of
 *   this subnet; `cancelled`
 */
export async function readReformed(
  folder: string,
  { file, sha256, maps }: ReformedFile,
  source: WeightSource,
  subnet: Subnet,
  signal?: AbortSignal,
): Promise<WeightSource> {
  const root = await resolveFolder(folder);
  // The header is read first: it checks that the name stays inside the folder.
  const { entries } = await readSafetensorsIndex(root, file);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const { handle } = await openInFolder(root, file, { links: 'refused' });
  try {
    const hash = await hashHandle(handle, signal);
    if (hash !== sha256) throw changedReformed(file, sha256, hash);
    const { hidden } = source.shape;
    const changes = new Map<number, MapChanges>();
    const read = async (
      name: string,
      dims: readonly number[],
      target: Float32Array,
    ): Promise<void> => {
      const entry = entryOf(byName, file, name, dims);
      const sink = (values: Float32Array, first: number): void => target.set(values, first);
      await readFloats(handle, file, entry, { rowSize: dims.at(-1)!, signal, sink });
    };
    const readMap = async (one: ReformedLinear, old: Linear): Promise<Linear> => {
      const kept = new Float32Array(one.rows.length * hidden);
      await read(one.name, [one.rows.length, hidden], kept);
      const weight = withRows(old.weight, hidden, one.rows, kept);
      // Files of older versions hold no bias of v: nothing changed it.
      if (one.bias === null || (one.map === 'v' && !byName.has(one.bias.name))) {
        return { weight, bias: old.bias };
      }
      const { name, entries } = one.bias;
      const found = new Float32Array(entries.length);
      await read(name, [entries.length], found);
      return { weight, bias: withRows(old.bias!, 1, entries, found) };
    };
    await blockByBlock(source, async (blocks) => {
      for (const one of reformedLinears(source.shape, subnet, maps)) {
        const old = (await blocks.block(one.layer))[one.map]!;
        const known = changes.get(one.layer);
        changes.set(one.layer, { ...known, [one.map]: await readMap(one, old) });
      }
    });
    return withChanges(source, changes);
  } finally {
    await closeQuietly(handle);
  }
}

function reformedLinears(
  shape: ModelShape,
  subnet: Subnet,
  maps: readonly MapName[],
): ReformedLinear[] {
  const family = familyNamed(shape.family);
  const present = maps.filter((map) => map !== 'gate' || shape.mlp.gated);
  return subnet.layers.flatMap((mask, layer) => {
    const block = blockOf(shape, layer);
    return present.flatMap((map): ReformedLinear[] => {
      const rows = rowsOf(block, map, mask);
      if (rows.length === 0) return [];
      const entries = biasEntries(block, map, rows);
      const bias =
        entries === null ? null : { name: arrayName(family, `${map}.bias`, layer), entries };
      return [{ layer, map, rows, name: arrayName(family, `${map}.weight`, layer), bias }];
    });
  });
}

/** Entries of a map's bias that a subnet with those rows uses; null where nothing changes a bias. */
function biasEntries(block: Block, map: MapName, rows: Uint32Array): Uint32Array | null {
  if (mapOf(block, map)?.bias !== true) return null;
  if (map === 'v') return rows;
  return map === 'o' || map === 'down'
    ? Uint32Array.from({ length: block.hidden }, (_, i) => i)
    : null;
}

function withRows(
  data: Float32Array,
  width: number,
  rows: Uint32Array,
  kept: Float32Array,
): Float32Array {
  if (kept.length === data.length) return kept;
  const out = data.slice();
  rows.forEach((row, i) => out.set(kept.subarray(i * width, (i + 1) * width), row * width));
  return out;
}

function entryOf(
  entries: ReadonlyMap<string, TensorEntry>,
  file: string,
  name: string,
  dims: readonly number[],
): TensorEntry {
  const entry = entries.get(name);
  if (entry !== undefined && entry.dtype === 'F32' && entry.dims.join() === dims.join()) {
    return entry;
  }
  const found = entry === undefined ? 'none' : `${entry.dtype} ${shown(entry.dims)}`;
  const expected = `tensor ${shown(name)}, F32 ${shown(dims)}`;
  throw damaged(file, { expected, found, sentence: `${file} does not hold ${expected}.` });
}

/** The error of a file of changed weights that is not the one its subnet config was written with. */
export function changedReformed(file: string, sha256: string, found: string): EngineError {
  return damaged(file, {
    expected: `SHA-256 ${sha256}`,
    found,
    sentence: `${file} has changed since it was written with this subnet.json.`,
  });
}

function damaged(
  file: string,
  fault: { readonly expected: string; readonly found: string; readonly sentence: string },
): EngineError {
  return new EngineError('checkpoint', {
    what: file,
    ...fault,
    action: 'Restore the file that was written with this subnet.json, or export it again.',
  });
}
