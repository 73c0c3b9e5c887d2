import { type Loadable, loadsText } from '../../protocol/loadsText.ts';
import { blockOf, hasNormsBehind, qkUnitsOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { MODELING_FILE, OLDEST_TRANSFORMERS, TESTED_TRANSFORMERS } from './modelingSubnet.ts';

/**
 * The README of a sliced checkpoint: what it is and how it is loaded.
 * @param note  what of the tokenizer is different from the source's; null when nothing is
 */
export function checkpointReadme(
  shape: ModelShape,
  loadable: Loadable,
  note: string | null,
): string {
  return `# Checkpoint of a ${shape.family} subnet

\`model.safetensors\` holds only what the subnet keeps, under the names of the source model. Tensors of
removed heads, channels, neurons and sublayers are absent, not zero.

**This checkpoint ${loadsText(loadable)}.** ${loadable.reason}

\`config.json\` keeps the fields of the source model; its \`subnet\` block lists what each block keeps:
\`qk\` are kept ${queryKeyUnits(shape)}
and \`vo\` kept value dimensions of each key/value head of the source, \`mlp\` kept neurons. The softmax
scale stays 1/sqrt(head_dim) of the source. A removed sublayer adds nothing, not even its bias.${hasNormsBehind(shape) ? '\nThe norm behind it stays.' : ''}
${note === null ? '' : `\n${note}\n`}
${howToLoad(loadable)}`;
}

function howToLoad({ transformers, ownCode }: Loadable): string {
  if (!transformers && ownCode !== true) {
    return 'Subnet Studio reads this folder; for other programs export the ONNX form.\n';
  }
  const model = transformers ? '' : ', trust_remote_code=True';
  // Else transformers would ask whether it may run the module, which no tokenizer needs.
  const tokenizer = transformers ? '' : ', trust_remote_code=False';
  return `\`\`\`python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("."${model})
tokenizer = AutoTokenizer.from_pretrained("."${tokenizer})
inputs = tokenizer("Once", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))
\`\`\`
${transformers ? '' : ownCodeWords()}`;
}

function ownCodeWords(): string {
  return `
\`trust_remote_code=True\` runs \`${MODELING_FILE}\` of this folder and nothing else: the stock model of
transformers with attention and MLP of the kept sizes. It needs transformers ${OLDEST_TRANSFORMERS} or newer and was tested
with ${listOf(TESTED_TRANSFORMERS)}. Training, generation, caches and LoRA work as with the stock
model. A block without attention has no heads in \`attentions\`.
`;
}

function listOf(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** What the query/key units of a subnet are, in words. */
function queryKeyUnits(shape: ModelShape): string {
  const { pairs, singles, whole } = qkUnitsOf(blockOf(shape, 0).attention);
  if (whole) {
    return 'query/key heads (0: all dimensions of the head, which are normalised together)';
  }
  if (pairs === 0) return 'query/key dimensions';
  const half = singles === 0 ? 'head_dim/2' : String(pairs);
  const names = `RoPE pairs (pair i is dimensions i and i + ${half}, at their original frequencies)`;
  if (singles === 0) return names;
  return `${names}, and behind them single dimensions (unit i from ${pairs} on is dimension i + ${pairs})`;
}
