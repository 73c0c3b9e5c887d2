import type { ModelShape } from '../checkpoint/modelShape.ts';
import { MODELING_FILE } from './modelingSubnet.ts';
import type { Loadable } from './stockLayout.ts';

/**
 * The README of a sliced checkpoint: what it is and how it is loaded.
 * @param className  class of the module written beside it; undefined when there is none
 */
export function checkpointReadme(
  shape: ModelShape,
  loadable: Loadable,
  className: string | undefined,
): string {
  return `# Checkpoint of a ${shape.family} subnet

\`model.safetensors\` holds only what the subnet keeps, under the names of the source model. Tensors of
removed heads, channels, neurons and sublayers are absent, not zero.

Loadable by stock transformers: **${loadable.transformers ? 'yes' : 'no'}**. ${loadable.reason}

\`config.json\` keeps the fields of the source model; its \`subnet\` block lists what each block keeps:
\`qk\` are kept ${shape.positions.kind === 'rope' ? 'RoPE pairs (pair i is dimensions i and i + head_dim/2, at their original frequencies)' : 'query/key dimensions'}
and \`vo\` kept value dimensions of each key/value head of the source, \`mlp\` kept neurons. The softmax
scale stays 1/sqrt(head_dim) of the source.

${howToLoad(loadable, className)}`;
}

function howToLoad(loadable: Loadable, className: string | undefined): string {
  if (!loadable.transformers && className === undefined) {
    return 'Subnet Studio reads this folder; for other programs export the ONNX form.\n';
  }
  const remote = className === undefined ? '' : ', trust_remote_code=True';
  const note =
    className === undefined
      ? ''
      : `\nThis runs \`${MODELING_FILE}\` of this folder. Read it first.\n`;
  return `\`\`\`python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("."${remote})
tokenizer = AutoTokenizer.from_pretrained("."${remote})
inputs = tokenizer("Once", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))
\`\`\`
${note}`;
}
