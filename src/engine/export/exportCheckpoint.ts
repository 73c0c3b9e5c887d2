import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { assertLegal } from '../subnet/legal.ts';
import type { Subnet } from '../subnet/subnet.ts';
import { checkpointConfig, type CheckpointSource } from './checkpointConfig.ts';
import { writeCheckpointFolder } from './checkpointFolder.ts';
import { checkpointReadme } from './checkpointReadme.ts';
import type { ExportOptions, Written } from './exportOnnx.ts';
import { MODELING_CLASSES, MODELING_FILE, modelingSource } from './modelingSubnet.ts';
import { slicedTensors, slicedValues } from './slicedTensors.ts';
import { type Loadable, stockLayout } from './stockLayout.ts';

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
  weights: ModelWeights,
  subnet: Subnet,
  source: CheckpointSource,
  options: ExportOptions,
): Promise<WrittenCheckpoint> {
  const { shape } = weights;
  assertLegal(shape, subnet);
  const layout = stockLayout(shape, subnet);
  const { loadable } = layout;
  const className = loadable.transformers ? undefined : MODELING_CLASSES.get(shape.family);
  const tensors = slicedTensors(source.family, shape, subnet, layout.blockNumber);
  const bytes = await writeCheckpointFolder(
    dir,
    source.folder,
    {
      tensors: tensors.map((tensor) => ({
        ...{ name: tensor.name, dims: tensor.dims },
        values: () => slicedValues(weights, tensor),
      })),
      config: checkpointConfig(weights, subnet, source, options, {
        ...{ layout, loadable, ownType: !loadable.transformers },
        fields: className === undefined ? {} : autoMap(className),
      }),
      readme: checkpointReadme(shape, loadable, className),
      files: className === undefined ? {} : { [MODELING_FILE]: modelingSource() },
    },
    options,
  );
  return { path: dir, bytes, loadable };
}

function autoMap(className: string): Record<string, unknown> {
  return {
    auto_map: {
      AutoConfig: 'modeling_subnet.SubnetLlamaConfig',
      AutoModelForCausalLM: `modeling_subnet.${className}`,
    },
  };
}
