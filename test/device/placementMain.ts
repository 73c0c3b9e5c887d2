// Loads the model graphs on WebGPU with ONNX Runtime's log open; the test reads it from stderr.
import { writeSync } from 'node:fs';
import * as ort from '../../src/engine/runtime/ort.ts';
import { attentionGraph } from '../../src/engine/graphs/attentionGraph.ts';
import { logitsGraph, lossGraph, teacherGraph } from '../../src/engine/graphs/headGraph.ts';
import { mlpGraph } from '../../src/engine/graphs/mlpGraph.ts';
import { blockOf } from '../../src/engine/model/block.ts';
import { tinyShape } from '../fixtures/tinyModel.ts';

ort.env.logLevel = 'verbose';
const access = 'gathered';
let graphs = 0;
for (const family of ['llama', 'opt'] as const) {
  const shape = tinyShape({ family });
  for (const [name, model] of [
    ['attention', attentionGraph(blockOf(shape, 0), { access, tap: true, variant: 'plain' })],
    ['mlp', mlpGraph(blockOf(shape, 0), { access, tap: true })],
    ['loss', lossGraph(shape)],
    ['teacher', teacherGraph(shape)],
    ['logits', logitsGraph(shape)],
  ] as const) {
    writeSync(2, `#graph ${family} ${name}\n`);
    const options = { executionProviders: ['webgpu'], logSeverityLevel: 0 } as const;
    await ort.InferenceSession.create(model, options);
    graphs++;
  }
}
process.send!({ graphs }, () => process.exit(0));
