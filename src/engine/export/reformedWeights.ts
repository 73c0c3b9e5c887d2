import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { familyNamed } from '../checkpoint/families/registry.ts';
import { openInFolder, resolveFolder } from '../checkpoint/modelFolder.ts';
import type { ModelShape } from '../checkpoint/modelShape.ts';
import type { LayerWeights, Linear, ModelWeights } from '../checkpoint/modelWeights.ts';
import { readFloats, readSafetensorsIndex } from '../checkpoint/safetensorsFile.ts';
import type { TensorEntry } from '../checkpoint/safetensorsHeader.ts';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/safetensorsWriter.ts';
import { shown } from '../checkpoint/shown.ts';
import { tensorName } from '../checkpoint/tensorTable.ts';
import type { Subnet } from '../subnet/subnet.ts';
import { gatherRows } from '../graphs/keptRows.ts';
import { keptAttentionRows, keptHeads } from './sliceLayer.ts';

/** Name of the file. */
export const REFORMED_FILE = 'reformed.safetensors';

/** Linear maps that reformation changes. */
type ReformedSlot = 'o' | 'down';

/** One of them in one block: the rows a subnet keeps of it. */
interface ReformedLinear {
  readonly layer: number;
  readonly slot: ReformedSlot;
  readonly rows: Uint32Array;
  readonly name: string;
  /** Null where the model has no such bias. */
  readonly biasName: string | null;
}

/**
 * Writes the reformed weights of a candidate: kept rows of o and down and their biases, float32.
 *
 * Matrices are [kept, H], transposed against Hugging Face's, so that a row is a kept unit.
 * @returns  size and SHA-256 of the file
 * @throws EngineError `disk`, `numeric`, `cancelled`
 */
export async function writeReformed(
  path: string,
  weights: ModelWeights,
  subnet: Subnet,
  signal?: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const { hidden } = weights.shape;
  const tensors = reformedLinears(weights.shape, subnet).flatMap((one): TensorToWrite[] => {
    const linear = weights.layers[one.layer]![one.slot];
    const matrix: TensorToWrite = {
      name: one.name,
      dims: [one.rows.length, hidden],
      values: () => gatherRows(linear.weight, hidden, one.rows),
    };
    if (one.biasName === null) return [matrix];
    return [matrix, { name: one.biasName, dims: [hidden], values: () => linear.bias! }];
  });
  const bytes = await writeSafetensors(path, tensors, { dtype: 'F32', signal });
  return { bytes, sha256: await hashFile(path, signal) };
}

/**
 * Reads reformed weights and puts them into the source model's.
 * @param folder  where the file must lie
 * @param file  its name
 * @param sha256  what it must hash to
 * @param source  the source model; shared by the result but for kept rows of o and down
 * @throws EngineError `checkpoint` when the file is absent, outside the folder, damaged or not of
 *   this subnet; `cancelled`
 */
export async function readReformed(
  folder: string,
  file: string,
  sha256: string,
  source: ModelWeights,
  subnet: Subnet,
  signal?: AbortSignal,
): Promise<ModelWeights> {
  const root = await resolveFolder(folder);
  // The header is read first: it checks that the name stays inside the folder.
  const { entries } = await readSafetensorsIndex(root, file);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const { handle } = await openInFolder(root, file);
  try {
    const hash = await hashStream(handle.createReadStream({ start: 0, autoClose: false }), signal);
    if (hash !== sha256) throw damaged(file, `SHA-256 ${sha256}`, hash);
    const { hidden } = source.shape;
    const layers: LayerWeights[] = [...source.layers];
    const read = async (
      name: string,
      dims: readonly number[],
      target: Float32Array,
    ): Promise<void> => {
      const entry = entryOf(byName, file, name, dims);
      const sink = (values: Float32Array, first: number): void => target.set(values, first);
      await readFloats(handle, file, entry, { rowSize: dims.at(-1)!, signal, sink });
    };
    for (const one of reformedLinears(source.shape, subnet)) {
      const old = layers[one.layer]![one.slot];
      const kept = new Float32Array(one.rows.length * hidden);
      await read(one.name, [one.rows.length, hidden], kept);
      const bias = one.biasName === null ? null : new Float32Array(hidden);
      if (bias !== null) await read(one.biasName!, [hidden], bias);
      const linear: Linear = { weight: withRows(old.weight, hidden, one.rows, kept), bias };
      layers[one.layer] = { ...layers[one.layer]!, [one.slot]: linear };
    }
    return { ...source, layers };
  } finally {
    await handle.close();
  }
}

function reformedLinears(shape: ModelShape, subnet: Subnet): ReformedLinear[] {
  const family = familyNamed(shape.family);
  const one = (
    layer: number,
    slot: ReformedSlot,
    rows: Uint32Array,
    biased: boolean,
  ): ReformedLinear[] => {
    if (rows.length === 0) return [];
    const biasName = biased ? tensorName(family, `${slot}.bias`, layer) : null;
    return [{ layer, slot, rows, name: tensorName(family, `${slot}.weight`, layer), biasName }];
  };
  return subnet.layers.flatMap((mask, layer) => [
    ...one(layer, 'o', keptAttentionRows(shape, keptHeads(shape, mask)).o, shape.bias.output),
    ...one(layer, 'down', mask.mlp, shape.bias.mlp),
  ]);
}

function withRows(
  data: Float32Array,
  width: number,
  rows: Uint32Array,
  kept: Float32Array,
): Float32Array {
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
  throw damaged(file, `tensor ${shown(name)}, F32 ${shown(dims)}`, found);
}

async function hashFile(path: string, signal: AbortSignal | undefined): Promise<string> {
  return hashStream(createReadStream(path), signal);
}

async function hashStream(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of stream) {
    throwIfAborted(signal);
    hash.update(piece);
  }
  return hash.digest('hex');
}

function damaged(file: string, expected: string, found: string): EngineError {
  return new EngineError('checkpoint', {
    what: file,
    expected,
    found,
    action: 'Restore the file that was written with this subnet.json, or export it again.',
  });
}
