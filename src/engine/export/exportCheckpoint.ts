import type { Loadable } from '../../protocol/loadsText.ts';
import { blockByBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { assertLegal } from '../subnet/legal.ts';
import type { Subnet } from '../model/subnet.ts';
import { checkpointConfig, type CheckpointSource } from './checkpointConfig.ts';
import { writeCheckpointFolder } from './checkpointFolder.ts';
import { checkpointReadme } from './checkpointReadme.ts';
import { exportedCompanions } from './exportedCompanions.ts';
import type { ExportOptions, Written } from './exportOnnx.ts';
import { autoMapOf, MODELING_CLASSES, MODELING_FILE, modelingSource } from './modelingSubnet.ts';
import { slicedTensors, slicedValues } from './slicedTensors.ts';
import { stockLayout } from './stockLayout.ts';
import { dtypeOf } from './storage.ts';

/** A written checkpoint and whether stock programs can load it. */
export interface WrittenCheckpoint extends Written {
  readonly loadable: Loadable;
}

/**
 * Writes a small dense checkpoint: exact sliced tensors under Hugging Face's names, config.json with
 * a `subnet` block, the tokenizer, a README, and a torch module where stock code cannot build it.
 * @param dir  made if needed; not the source's folder
 * @throws EngineError `disk`, `numeric`, `cancelled`; `shape` for an illegal subnet
 */
export async function exportCheckpoint(
  dir: string,
  weights: WeightSource,
  subnet: Subnet,
  source: CheckpointSource,
  options: ExportOptions,
): Promise<WrittenCheckpoint> {
  const { shape } = weights;
  assertLegal(shape, subnet);
  const layout = stockLayout(shape, subnet);
  const { loadable } = layout;
  const ownType = !loadable.transformers;
  const own = loadable.ownCode === true ? MODELING_CLASSES.get(shape.family) : undefined;
  const tensors = slicedTensors(source.family, shape, subnet, layout.blockNumber);
  const { files, note } = exportedCompanions(source.companions, source.config, ownType);
  const rest = {
    config: checkpointConfig(shape, subnet, source, options, {
      ...{ layout, loadable, ownType },
      fields: own === undefined ? {} : { architectures: [own.causal], auto_map: autoMapOf(own) },
    }),
    readme: checkpointReadme(shape, loadable, note),
    files:
      own === undefined
        ? files
        : [...files, { name: MODELING_FILE, data: modelingSource(shape.family) }],
  };
  const bytes = await blockByBlock(weights, (blocks) => {
    const written = tensors.map((tensor) => ({
      ...{ name: tensor.name, dims: tensor.dims, dtype: dtypeOf(options, tensor.spec.name) },
      values: () => slicedValues(blocks, tensor),
    }));
    return writeCheckpointFolder(dir, source.folder, { tensors: written, ...rest }, options);
  });
  return { path: dir, bytes, loadable };
}
