import { EngineError } from '../../protocol/errors.ts';
import type { Loadable } from '../../protocol/loadsText.ts';
import { type BitmaskForm, bitmaskStride, packMatrix } from '../checkpoint/bitmaskPacking.ts';
import type { Family } from '../checkpoint/families/family.ts';
import { blockByBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { stockTypeOf } from '../checkpoint/modelConfig.ts';
import {
  elementBytes,
  type FloatsToWrite,
  safetensorsBytes,
  type TensorPlan,
  type TensorToWrite,
} from '../checkpoint/safetensorsWriter.ts';
import { COMPRESSION_METHOD } from '../checkpoint/sparsityFormat.ts';
import type { TensorSpec } from '../checkpoint/tensorTable.ts';
import { roundedTo, type StoredDtype } from '../checkpoint/storedFloats.ts';
import { assertLegal } from '../subnet/legal.ts';
import type { Subnet } from '../model/subnet.ts';
import { checkpointConfig, type CheckpointSource } from './checkpointConfig.ts';
import { writeCheckpointFolder } from './checkpointFolder.ts';
import { compressedReadme } from './compressedReadme.ts';
import type { WrittenCheckpoint } from './exportCheckpoint.ts';
import { exportedCompanions } from './exportedCompanions.ts';
import type { ExportOptions } from './exportOnnx.ts';
import { slicedTensors, slicedValues, type SlicedTensor } from './slicedTensors.ts';
import { sparsityBlock, type SparsityBytes } from './sparsityBlock.ts';
import {
  hasSparseMap,
  type SparseMapPlan,
  type SparsitySurvey,
  surveySparsity,
} from './sparsitySurvey.ts';
import { stockLayout } from './stockLayout.ts';
import { dtypeOf, type Storage } from './storage.ts';

/** Version of the library whose forms are written; later ones do not read them. */
const LIBRARY_VERSION = '0.14.0.1';

/**
 * Writes a checkpoint whose sparse linear maps are stored without their zeros, in the forms of the
 * compressed-tensors library: `sparse-24-bitmask` where every packed map holds at most two of four
 * along its inputs, else `sparse-bitmask`. What is claimed was counted in the values written.
 * @param dir  made if needed; not the source's folder
 * @throws EngineError `config` for weights without zeros worth packing and for a family whose maps
 *   are no `Linear`; `disk`, `numeric`, `cancelled`; `shape` for an illegal subnet
 */
export function exportCompressed(
  dir: string,
  weights: WeightSource,
  subnet: Subnet,
  source: CheckpointSource,
  options: ExportOptions,
): Promise<WrittenCheckpoint> {
  return blockByBlock(weights, (blocks) => writePacked(dir, blocks, subnet, source, options));
}

async function writePacked(
  dir: string,
  weights: WeightSource,
  subnet: Subnet,
  source: CheckpointSource,
  options: ExportOptions,
): Promise<WrittenCheckpoint> {
  const { shape } = weights;
  const { dtype, signal } = options;
  if (source.family.inputsFirst === true) throw notLinear(source.family);
  assertLegal(shape, subnet);
  const layout = stockLayout(shape, subnet);
  const sliced = slicedTensors(source.family, shape, subnet, layout.blockNumber);
  const survey = await surveySparsity(weights, sliced, options, signal);
  const { form } = survey;
  if (form === null) throw nothingToPack(dir);
  const packed = new Map(
    survey.maps.map((plan) => [plan.tensor, packedTensors(weights, plan, form, options)]),
  );
  const tensors = sliced.flatMap((tensor) => {
    const values = (): Promise<Float32Array> => slicedValues(weights, tensor);
    return packed.get(tensor) ?? [{ ...planOf(tensor, options), values }];
  });
  const planOfOne = (tensor: SlicedTensor): TensorPlan => planOf(tensor, options);
  const bytes: SparsityBytes = {
    dense: safetensorsBytes(sliced.map(planOfOne), dtype),
    compressed: safetensorsBytes(tensors, dtype),
    index: dataBytes(tensors, dtype) - dataBytes(tensors.filter(isFloat), dtype),
    mapsDense: dataBytes([...packed.keys()].map(planOfOne), dtype),
    mapsCompressed: dataBytes([...packed.values()].flat(), dtype),
  };
  const loadable = loadableOf(layout.loadable, form);
  const stockType = layout.loadable.transformers ? stockTypeOf(source.config) : undefined;
  // Only what runtimes of this form may take for the model it is keeps the source's type.
  const ownType = stockType === undefined || form !== 'sparse-24-bitmask';
  const config = checkpointConfig(shape, subnet, source, options, {
    ...{ layout, loadable, ownType },
    fields: { quantization_config: quantizationConfig(survey, form, sliced) },
    block: {
      ...(ownType && stockType !== undefined ? { stock_model_type: stockType } : {}),
      sparsity: sparsityBlock(survey, form, bytes),
    },
  });
  const { files, note } = exportedCompanions(source.companions, source.config, ownType);
  const readme = compressedReadme(shape, { survey, form, bytes, loadable, stockType, note });
  const parts = { tensors, config, readme, files };
  const written = await writeCheckpointFolder(dir, source.folder, parts, options);
  return { path: dir, bytes: written, loadable };
}

/**
 * True when a candidate has maps that are smaller without their zeros, so that
 * {@link exportCompressed} has something to write.
 * @throws EngineError `cancelled`
 */
export async function canCompress(
  weights: WeightSource,
  subnet: Subnet,
  { family }: Pick<CheckpointSource, 'family'>,
  options: Pick<ExportOptions, 'dtype' | 'ownTypes' | 'signal'>,
): Promise<boolean> {
  if (family.inputsFirst === true) return false;
  const sliced = slicedTensors(family, weights.shape, subnet);
  return blockByBlock(weights, (blocks) => hasSparseMap(blocks, sliced, options, options.signal));
}

/** The tensors of a packed map. They are made once, together, and let go with the last of them. */
function packedTensors(
  weights: WeightSource,
  { tensor, nonzeros }: SparseMapPlan,
  form: BitmaskForm,
  storage: Storage,
): TensorToWrite[] {
  const [rows = 0, columns = 0] = tensor.dims;
  const dtype = dtypeOf(storage, tensor.spec.name);
  const prefix = tensor.name.replace(/\.weight$/, '');
  let made: ReturnType<typeof packMatrix> | undefined;
  const make = async (): Promise<ReturnType<typeof packMatrix>> => {
    const values = roundedTo(dtype, await slicedValues(weights, tensor));
    return packMatrix(form, values, rows, columns);
  };
  const first = async (): Promise<ReturnType<typeof packMatrix>> => (made ??= await make());
  const last = async (): Promise<Uint8Array> => {
    const { bits } = await first();
    made = undefined;
    return bits;
  };
  const strict = form === 'sparse-24-bitmask';
  return [
    {
      ...{ name: `${prefix}.shape`, dtype: 'I64', dims: strict ? [2, 1] : [2] },
      values: () => BigInt64Array.of(BigInt(rows), BigInt(columns)),
    },
    {
      ...{ name: `${prefix}.compressed`, dtype },
      dims: strict ? [rows, columns / 2] : [nonzeros],
      values: async () => (await first()).values,
    },
    ...(strict
      ? []
      : [
          {
            ...{ name: `${prefix}.row_offsets`, dtype: 'I64' as const, dims: [rows] },
            values: async () => (await first()).rowOffsets,
          },
        ]),
    {
      ...{ name: `${prefix}.bitmask`, dtype: 'U8', dims: [rows, bitmaskStride(columns)] },
      values: last,
    },
  ];
}

function planOf(
  { name, dims, spec }: SlicedTensor,
  storage: Storage,
): Pick<FloatsToWrite, 'name' | 'dims' | 'dtype'> {
  return { name, dims, dtype: dtypeOf(storage, spec.name) };
}

function isFloat({ dtype }: TensorPlan): boolean {
  return dtype !== 'U8' && dtype !== 'I64';
}

/** Bytes of tensors without the header of a file. */
function dataBytes(tensors: readonly TensorPlan[], dtype: StoredDtype): number {
  return tensors.reduce((sum, tensor) => {
    const count = tensor.dims.reduce((product, dim) => product * dim, 1);
    return sum + count * elementBytes(tensor.dtype ?? dtype);
  }, 0);
}

/** @source compressed-tensors 0.14, the sparsity section of a quantisation config */
function quantizationConfig(
  { maps, zeroFraction }: SparsitySurvey,
  form: BitmaskForm,
  sliced: readonly SlicedTensor[],
): Record<string, unknown> {
  const packed = new Set(maps.map(({ tensor }) => tensor.name));
  const plainMaps = sliced
    .filter(({ name, spec }) => isLinearMap(spec) && !packed.has(name))
    .map(({ name }) => name.replace(/\.weight$/, ''));
  return {
    quant_method: COMPRESSION_METHOD,
    version: LIBRARY_VERSION,
    sparsity_config: {
      format: form,
      global_sparsity: zeroFraction,
      sparsity_structure: form === 'sparse-24-bitmask' ? '2:4' : 'unstructured',
      targets: ['Linear'],
      ignore: ['lm_head', ...plainMaps],
    },
  };
}

/** True for the weight of a linear map; the head has a name of its own in every model. */
function isLinearMap({ parts, layer, dims }: TensorSpec): boolean {
  const isProjection = parts.some(({ slot }) => slot === 'projectIn' || slot === 'projectOut');
  return dims.length === 2 && (layer !== null || isProjection);
}

function loadableOf(layout: Loadable, form: BitmaskForm): Loadable {
  if (!layout.transformers) return { ...layout, ownCode: false };
  const reason =
    form === 'sparse-24-bitmask'
      ? 'transformers 4 with compressed-tensors 0.14 loads it. Later versions dropped this form: ' +
        'transformers 5 gives the packed maps random weights and only warns.'
      : 'transformers cannot load this form: it never expanded any but 2:4 along the inputs.';
  return { transformers: false, reason, ownCode: false };
}

function notLinear({ name }: Family): EngineError {
  return new EngineError('config', {
    what: `Compressed export of a ${name} model`,
    expected: 'linear maps stored as [outputs, inputs]',
    found: 'maps stored as [inputs, outputs]',
    action: 'Write a checkpoint or an ONNX decoder instead.',
    sentence: `The compressed form packs the rows of linear maps by their outputs, but ${name} models store them by their inputs, so no program could load it.`,
  });
}

function nothingToPack(dir: string): EngineError {
  return new EngineError('config', {
    what: `Compressed export ${dir}`,
    expected: 'weights with zeros that leave more room than their indices take',
    found: 'no linear map with so many zeros',
    action: 'Make the weights sparse first ("sparsify" in the config), or write a checkpoint.',
    sentence: `The compressed export ${dir} would be empty: no linear map has so many zeros that leaving them out saves room.`,
  });
}
