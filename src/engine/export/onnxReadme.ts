import type { ModelShape } from '../model/modelShape.ts';
import type { StoredDtype } from '../checkpoint/storedFloats.ts';
import type { BlockFormat } from '../quantise/blockFormat.ts';
import { INTEGER_OPERATOR } from './integerMap.ts';
import { dtypesOf, type Storage } from './storage.ts';

const DTYPE_WORDS: Readonly<Record<StoredDtype, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/**
 * The README of an ONNX export: its inputs and outputs, and a loop that generates text.
 * @param integers  how the linear maps of the blocks are stored; absent: as the other weights
 */
export function onnxReadme(shape: ModelShape, storage: Storage, integers?: BlockFormat): string {
  return `# ONNX decoder of a subnet

\`model.onnx\` needs \`model.onnx.data\` beside it. Any ONNX Runtime from ${integers?.bits === 8 ? '1.22' : '1.20'} on loads it.
Weights are ${dtypeWords(storage)}; at most ${shape.maxPositions} positions; vocabulary ${shape.vocab}.
${integers === undefined ? '' : integerWords(integers)}
- in: \`input_ids\` int64 [batch, time]; \`past_{layer}_key\` and \`past_{layer}_value\` float32
  [batch, past, width], where past is 0 at the start. Layers without attention have no cache.
- out: \`logits\` float32 [batch, time, ${shape.vocab}]; \`present_{layer}_key\` and \`_value\`: feed them
  back as \`past_…\` with the next token.
- Positions follow from the length of the past. Sequences of a batch have equal lengths; no padding.
${longTexts(shape)}
## Python

\`\`\`python
import numpy as np
import onnxruntime as ort

session = ort.InferenceSession("model.onnx")
empty = {"batch": 1, "past": 0}
feeds = {i.name: np.zeros([empty.get(d, d) for d in i.shape], np.float32)
         for i in session.get_inputs() if i.name.startswith("past_")}
tokens = [1, 2, 3]  # ids from the tokenizer of the source model
feeds["input_ids"] = np.array([tokens], np.int64)
for _ in range(16):
    out = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))
    tokens.append(int(out.pop("logits")[0, -1].argmax()))
    feeds = {name.replace("present", "past"): value for name, value in out.items()}
    feeds["input_ids"] = np.array([tokens[-1:]], np.int64)
print(tokens)
\`\`\`

## Node

\`\`\`js
import * as ort from 'onnxruntime-node';

const session = await ort.InferenceSession.create('model.onnx');
const ids = (list) => new ort.Tensor('int64', BigInt64Array.from(list, BigInt), [1, list.length]);
const tokens = [1, 2, 3]; // ids from the tokenizer of the source model
let feeds = { input_ids: ids(tokens) };
for (const { name, shape } of session.inputMetadata) {
  if (name.startsWith('past_')) feeds[name] = new ort.Tensor('float32', [], [1, 0, shape[2]]);
}
for (let step = 0; step < 16; step++) {
  const { logits, ...present } = await session.run(feeds);
  const last = logits.data.subarray(-${shape.vocab});
  tokens.push(last.indexOf(last.reduce((a, b) => Math.max(a, b))));
  feeds = { input_ids: ids(tokens.slice(-1)) };
  for (const name in present) feeds[name.replace('present', 'past')] = present[name];
}
console.log(tokens);
\`\`\`
`;
}

/** What happens to texts that grow long while they are decoded, where these turn otherwise. */
function longTexts({ positions }: ModelShape): string {
  const long = positions.kind === 'rope' ? positions.long : undefined;
  if (long === undefined) return '';
  return `- Texts of more than ${long.beyond} tokens turn by other frequencies. One that grows beyond them keeps the keys in
  its cache as they are, as in transformers; feed it again as a whole for the logits of a long text.
`;
}

function dtypeWords(storage: Storage): string {
  const types = dtypesOf(storage);
  const words = types.map((dtype) => DTYPE_WORDS[dtype]).join(' and ');
  return types.join() === 'F32' ? words : `${words} (computed in float32)`;
}

function integerWords({ bits, blockSize }: BlockFormat): string {
  return `
The linear maps of the blocks are ${bits}-bit integers, which ${blockSize} neighbouring inputs of an output share
a bfloat16 scale of; embedding, head, norms and biases are not. They run in ONNX Runtime's
\`com.microsoft.${INTEGER_OPERATOR}\` with \`accuracy_level\` 4: activations are rounded to signed bytes on their
way into a product. Other runtimes may not know the operator.
`;
}
