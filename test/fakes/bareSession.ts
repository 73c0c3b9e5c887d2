// Makes a session as a program would that knows nothing of ONNX Runtime's telemetry.
import * as ort from 'onnxruntime-node';
import { GraphBuilder } from '../../src/engine/onnx/graphBuilder.ts';

const graph = new GraphBuilder('bare');
graph.output('y', graph.op('Neg', [graph.input('x', 'float32', [1])]), 'float32', [1]);
const session = await ort.InferenceSession.create(graph.build());
await session.run({ x: new ort.Tensor('float32', Float32Array.of(1), [1]) });
