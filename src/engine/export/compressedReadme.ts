import type { Loadable } from '../../protocol/loadsText.ts';
import { bytesText } from '../../protocol/sizeText.ts';
import type { BitmaskForm } from '../checkpoint/bitmaskPacking.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { SparsityBytes } from './sparsityBlock.ts';
import type { SparsitySurvey } from './sparsitySurvey.ts';

/** What the README of a compressed checkpoint tells. */
export interface CompressedFacts {
  readonly survey: SparsitySurvey;
  readonly form: BitmaskForm;
  readonly bytes: SparsityBytes;
  readonly loadable: Loadable;
  /** Model type under which stock programs build it; undefined where they cannot. */
  readonly stockType: unknown;
  /** What of the tokenizer is different from the source's: a sentence; null when nothing is. */
  readonly note: string | null;
}

/** The README of a compressed checkpoint: what was packed, what it is good for and who reads it. */
export function compressedReadme(
  shape: ModelShape,
  { survey, form, bytes, loadable, stockType, note }: CompressedFacts,
): string {
  const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)}%`;
  return `# Compressed checkpoint of a ${shape.family} subnet

The linear maps listed here are stored without their zeros, in the form \`${form}\` of the
compressed-tensors library: values, and one bit per weight that says where they belong. All other
tensors are plain.

${table(survey)}

Weights on disk: ${bytesText(bytes.compressed)} with ${bytesText(bytes.index)} of indices, against ${bytesText(bytes.dense)} with every
zero written: ${percent(bytes.compressed, bytes.dense)}, and ${percent(bytes.mapsCompressed, bytes.mapsDense)} of the packed maps alone.

The patterns were counted in the values of this folder, group by group. "Inputs" is the dimension over
which a product sums: the columns of a weight [outputs, inputs].

## What it is good for

${speed(form)}

## Who reads it

${loadable.reason} Subnet Studio reads it as it is. For other programs write the plain checkpoint.
${note === null ? '' : `\n${note}\n`}${expansion(stockType)}`;
}

function table({ kinds }: SparsitySurvey): string {
  const rows = Object.entries(kinds).map(([name, kind]) => {
    const percent = `${(100 * kind.nonzeroFraction).toFixed(1)}%`;
    return `| ${name} | ${kind.maps} | ${kind.pattern} | ${kind.along ?? '–'} | ${percent} |`;
  });
  return [
    '| map | packed | pattern | along | not zero |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function speed(form: BitmaskForm): string {
  if (form === 'sparse-24-bitmask') {
    return `A smaller download. Every packed map holds at most two of four neighbours along its inputs, which is
what kernels for 2:4 on NVIDIA GPUs from Ampere on take (cuSPARSELt, CUTLASS, TensorRT), once the
weights are expanded and handed to them. Whether they are faster depends on sizes and device:
measure. ONNX Runtime computes zeros like any number, so there it is no faster at all.`;
  }
  return `A smaller download, no speed. Not every packed map is 2:4 in whole groups along its inputs, so
kernels for 2:4 would not take it: DaSS, for one, compares the weights of gate and up along their
outputs. ONNX Runtime computes zeros like any number.`;
}

function expansion(stockType: unknown): string {
  const expand = `${typeof stockType === 'string' ? 'import json\n' : ''}import numpy
import torch
from safetensors.torch import load_file

packed = load_file("model.safetensors")
state = {}
for name, tensor in packed.items():
    prefix, _, part = name.rpartition(".")
    if part == "compressed":
        rows, columns = packed[prefix + ".shape"].flatten().tolist()
        bits = packed[prefix + ".bitmask"].numpy()
        kept = numpy.unpackbits(bits, axis=-1, count=columns, bitorder="little").astype(bool)
        state[prefix + ".weight"] = torch.zeros(rows, columns, dtype=tensor.dtype)
        state[prefix + ".weight"][torch.from_numpy(kept)] = tensor.flatten()
    elif part not in ("bitmask", "shape", "row_offsets"):
        state[name] = tensor`;
  const build =
    typeof stockType === 'string'
      ? `

from transformers import AutoConfig, AutoModelForCausalLM

config = json.load(open("config.json")) | {"model_type": ${JSON.stringify(stockType)}}
del config["quantization_config"]
model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
print(model.load_state_dict(state, strict=False))  # of a tied head only lm_head.weight is missing
model.tie_weights()`
      : '';
  return `
This expands it with every version of those libraries:

\`\`\`python
${expand}${build}
\`\`\`
`;
}
