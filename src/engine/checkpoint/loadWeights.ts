import { EngineError } from '../../protocol/errors.ts';
import { assembleWeights } from './assembleWeights.ts';
import type { Checkpoint, CheckpointTensor } from './openCheckpoint.ts';
import { expectSameFile } from './modelFolder.ts';
import type { ModelWeights } from './modelWeights.ts';
import { readTensor } from './readPacked.ts';
import { transposeRows } from './transpose.ts';

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
  const { tensors, files, folder } = checkpoint;
  const arrays = new Map<string, Float32Array>();
  const total = tensors.reduce((sum, { located }) => sum + located.entry.elements * 4, 0);
  let loaded = 0;
  // File by file, in the order of the disk however many shards there are.
  for (const { file } of files) {
    for (const tensor of tensors.filter(({ located }) => located.file === file)) {
      const data = await readWhole(folder, tensor, options.signal);
      arrays.set(keyOf(tensor.spec.slot, tensor.spec.layer), data);
      loaded += data.byteLength;
      options.onProgress?.(loaded, total);
    }
  }
  // Each reading was of the file that was opened; now that none of them was written to meanwhile.
  for (const { file, identity } of files) await expectSameFile(folder, file, identity);
  return assembleWeights(checkpoint.shape, (slot, layer) => arrays.get(keyOf(slot, layer)) ?? null);
}

/** One tensor in our layout: transposed on the way in, piece by piece, where we keep it so. */
async function readWhole(
  folder: string,
  { spec, located }: CheckpointTensor,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const target = allocate(located.entry.elements, spec.name);
  const cols = spec.dims.at(-1) ?? 1;
  const targetCols = spec.dims[0] ?? 1;
  await readTensor(folder, located, {
    rowSize: cols,
    signal,
    sink: (values, first) => {
      if (!spec.transposed) return target.set(values, first);
      const place = { target, firstRow: first / cols, targetCols };
      transposeRows(values, values.length / cols, cols, place);
    },
  });
  return target;
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
