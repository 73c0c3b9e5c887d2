import { EngineError } from '../../protocol/errors.ts';
import { assembleWeights, type TensorLookup } from './assembleWeights.ts';
import { contentHash } from './contentHash.ts';
import type { Slot } from './families/family.ts';
import type { Checkpoint, CheckpointTensor } from './openCheckpoint.ts';
import { expectSameFile } from './modelFolder.ts';
import type { ModelWeights } from './modelWeights.ts';
import { readTensor } from './readPacked.ts';
import { scatterParts, slotSizes } from './storedParts.ts';

/** What a caller may pass to {@link loadWeights}. */
export interface LoadOptions {
  /** Checked between pieces of 4 MB. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each tensor with bytes of float32 loaded so far and in all. */
  readonly onProgress?: ((loadedBytes: number, totalBytes: number) => void) | undefined;
}

/**
 * Reads all weights of a checkpoint as float32 in the layout of {@link ModelWeights}.
 *
 * Memory: the result (`weightBytes`) plus two pieces of at most 4 MB; nothing is held twice, and a
 * tied head is the embedding's own array.
 *
 * @param checkpoint  an opened checkpoint
 * @param options     cancellation and progress
 * @throws EngineError `checkpoint` for NaN or infinite weights, for files that changed or cannot be
 *   read, and for want of memory; `cancelled`
 */
export async function loadWeights(
  checkpoint: Checkpoint,
  options: LoadOptions = {},
): Promise<ModelWeights> {
  const lookup = await readTensors(checkpoint, checkpoint.tensors, options);
  return assembleWeights(checkpoint.shape, lookup, (signal) => contentHash(checkpoint, signal));
}

/**
 * Reads some tensors of a checkpoint as float32.
 *
 * @param tensors  which of its tensors; progress is counted over these
 * @returns gives their arrays
 * @throws EngineError as {@link loadWeights}
 */
export async function readTensors(
  { folder, files }: Pick<Checkpoint, 'folder' | 'files'>,
  tensors: readonly CheckpointTensor[],
  options: LoadOptions = {},
): Promise<TensorLookup> {
  const arrays = new Map<string, Float32Array>();
  const total = tensors.reduce((sum, { located }) => sum + located.entry.elements * 4, 0);
  let loaded = 0;
  // File by file, in the order of the disk however many shards there are.
  for (const { file } of files) {
    for (const tensor of tensors.filter(({ located }) => located.file === file)) {
      for (const [slot, data] of await readWhole(folder, tensor, options.signal)) {
        arrays.set(keyOf(slot, tensor.spec.layer), data);
      }
      loaded += tensor.located.entry.elements * 4;
      options.onProgress?.(loaded, total);
    }
  }
  // Each reading was of the file that was opened; now that none of them was written to meanwhile.
  for (const { file, identity } of files) await expectSameFile(folder, file, identity);
  return (slot, layer) => arrays.get(keyOf(slot, layer)) ?? null;
}

/**
 * The arrays that one tensor holds, in our layout: they are told apart, and transposed where we keep
 * them so, piece by piece on the way in.
 */
async function readWhole(
  folder: string,
  { spec, located }: CheckpointTensor,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<Slot, Float32Array>> {
  const targets = new Map<Slot, Float32Array>();
  for (const [slot, elements] of slotSizes(spec)) {
    targets.set(slot, allocate(elements, spec.name));
  }
  const sink = scatterParts(spec, (slot) => targets.get(slot)!);
  await readTensor(folder, located, { rowSize: spec.dims[1] ?? 1, signal, sink });
  return targets;
}

function allocate(elements: number, name: string): Float32Array {
  try {
    return new Float32Array(elements);
  } catch (cause) {
    throw new EngineError(
      'checkpoint',
      {
        what: `Loading ${name}`,
        expected: `${elements * 4} bytes of free memory`,
        found: 'less',
        action: 'Close other programs or use a smaller model.',
        sentence: `There is not enough memory to load ${name}, which takes ${elements * 4} bytes.`,
      },
      { cause },
    );
  }
}

function keyOf(slot: string, layer: number | null): string {
  return `${layer ?? ''} ${slot}`;
}
