// Loads the model graphs on WebGPU with ONNX Runtime's log open; the test reads it from stderr.
import { writeSync } from 'node:fs';
import * as ort from '../../src/engine/runtime/ort.ts';
import { attentionGraph } from '../../src/engine/graphs/attentionGraph.ts';
import { logitsGraph, lossGraph, teacherGraph } from '../../src/engine/graphs/headGraph.ts';
import { mlpGraph } from '../../src/engine/graphs/mlpGraph.ts';
import { normGraph, projectInGraph } from '../../src/engine/graphs/streamGraphs.ts';
import { blockOf, normOf } from '../../src/engine/model/block.ts';
import { embeddingWidthOf } from '../../src/engine/model/modelShape.ts';
import { TINY_OPT_350M, tinyShape } from '../fixtures/tinyModel.ts';

ort.env.logLevel = 'verbose';
const access = 'gathered';
let graphs = 0;
const models = { llama: {}, opt: { family: 'opt' }, 'opt-350m': TINY_OPT_350M } as const;
for (const [family, options] of Object.entries(models)) {
  const shape = tinyShape(options);
  for (const [name, model] of [
    ['attention', attentionGraph(blockOf(shape, 0), { access, tap: true, variant: 'plain' })],
    ['mlp', mlpGraph(blockOf(shape, 0), { access, tap: true })],
    ['norm', normGraph(normOf(shape), shape.hidden)],
    ['project in', projectInGraph(embeddingWidthOf(shape), shape.hidden)],
    ['loss', lossGraph(shape)],
    ['teacher', teacherGraph(shape)],
    ['logits', logitsGraph(shape)],
  ] as const) {
    writeSync(2, `#graph ${family} ${name}\n`);
    const providers = { executionProviders: ['webgpu'], logSeverityLevel: 0 } as const;
    await ort.InferenceSession.create(model, providers);
    graphs++;
  }
}
process.send!({ graphs }, () => process.exit(0));
