import type { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { SizedFamily } from './misfitTensor.ts';
import { CONFIG_FILE } from './modelConfig.ts';
import { shown } from './shown.ts';
import type { SlicedTensor } from './slicedTensors.ts';
import { damaged } from './subnetBlock.ts';
import type { LocatedTensor, TensorIndex } from './tensorIndex.ts';
import { bareName, tensorTable } from './tensorTable.ts';
import { weightBytes } from './weightBytes.ts';

/**
 * Largest factor between the memory of the whole layout and the bytes on disk: a configuration that
 * lies about its sizes must not make us allocate without bound.
 */
const MAX_GROWTH = 64;

/** Growth is not looked at under so many bytes. */
const ALWAYS_FINE_BYTES = 1 << 26;

/**
 * Checks that the layout with zeros for what was removed is not much larger than what is on disk.
 * @throws EngineError `checkpoint`
 */
export function expectSaneGrowth(shape: ModelShape, index: TensorIndex): void {
  const needed = weightBytes(shape);
  const onDisk = index.files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (needed <= Math.max(ALWAYS_FINE_BYTES, MAX_GROWTH * onDisk)) return;
  throw damaged(
    CONFIG_FILE,
    `sizes of a model at most ${MAX_GROWTH} times the ${onDisk} bytes of its weights`,
    `a dense model of ${needed} bytes`,
    `${CONFIG_FILE} describes a dense model of ${needed} bytes, more than ${MAX_GROWTH} times the ${onDisk} bytes of its weights.`,
  );
}

/**
 * Checks that nothing is there of what the configuration says was removed.
 * @param unused  names of tensors that are not read
 * @throws EngineError `checkpoint`
 */
export function expectNoMore(unused: readonly string[], { family, shape }: SizedFamily): void {
  const whole = new Set(tensorTable(family, shape).map(({ name }) => bareName(name)));
  const extra = unused.find((name) => whole.has(bareName(name)));
  if (extra === undefined) return;
  throw damaged(
    `tensor ${shown(extra)}`,
    'no such tensor: its sublayer was removed',
    'the tensor',
    `The weights hold tensor ${shown(extra)}, but by ${CONFIG_FILE} its sublayer was removed.`,
  );
}

/** The error of a tensor that is not there, or not of the size that the configuration leaves. */
export function unlikeMasks(wanted: SlicedTensor, found: LocatedTensor | undefined): EngineError {
  const { name, dims } = wanted;
  const expected = `tensor ${shown(name)} of shape ${shown(dims)}`;
  if (found === undefined) {
    const sentence = `The weights have no ${expected}, which is there by ${CONFIG_FILE}.`;
    return damaged('The checkpoint', expected, 'no such tensor', sentence);
  }
  const shape = `shape ${shown(found.entry.dims)}`;
  const sentence = `Tensor ${shown(name)} in ${found.file} has the ${shape}, but by ${CONFIG_FILE} it has ${shown(dims)}.`;
  return damaged(found.file, expected, shape, sentence);
}
