import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { selfTest, type SelfTestReport } from '../../../src/engine/graphs/selfTest.ts';
import {
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
} from '../../../src/engine/onnx/proto/onnx_pb.ts';
import { SELF_TEST_TOLERANCE } from '../../../src/engine/runtime/probe.ts';
import { matMulRate } from '../../../src/engine/runtime/probeRate.ts';
import { float32Of, Runtime, type Session, tensorOf } from '../../../src/engine/runtime/runtime.ts';

/** A CPU that gets one output of some graph wrong at one place. */
class FaultyRuntime extends Runtime {
  readonly #output: string;
  readonly #at: number;
  readonly #error: number;

  constructor(output: string, at: number, error: number) {
    super('cpu', 1);
    this.#output = output;
    this.#at = at;
    this.#error = error;
  }

  override async session(model: Uint8Array | string): Promise<Session> {
    const session = await super.session(model);
    const run = session.run.bind(session);
    session.run = async (feeds, fetches) => {
      const outputs = await run(feeds, fetches);
      const tensor = outputs[this.#output];
      if (tensor !== undefined) {
        const data = float32Of(tensor);
        data[this.#at] = (data[this.#at] ?? 0) + this.#error;
      }
      return outputs;
    };
    return session;
  }
}

/** A CPU that computes some graphs otherwise. */
class OtherRuntime extends Runtime {
  readonly #change: (graph: GraphProto) => void;

  constructor(change: (graph: GraphProto) => void) {
    super('cpu', 1);
    this.#change = change;
  }

  override session(model: Uint8Array | string): Promise<Session> {
    assert.ok(model instanceof Uint8Array);
    const proto = fromBinary(ModelProtoSchema, model);
    this.#change(proto.graph!);
    return super.session(toBinary(ModelProtoSchema, proto));
  }
}

/** A CPU that sees all earlier tokens, whatever the mask says. */
class FarSighted extends Runtime {
  constructor() {
    super('cpu', 1);
  }

  override async session(model: Uint8Array | string): Promise<Session> {
    const session = await super.session(model);
    const run = session.run.bind(session);
    session.run = (feeds, fetches) => {
      const { causal } = feeds;
      if (causal === undefined) return run(feeds, fetches);
      const [time] = causal.dims as [number];
      const all = float32Of(causal).map((value, i) => (i % time <= i / time ? 0 : value));
      return run({ ...feeds, causal: tensorOf(all, causal.dims) }, fetches);
    };
    return session;
  }
}

/** Nodes of an operator that read an input of some name, or any where none is given. */
function nodesOf({ node }: GraphProto, opType: string, input?: string): NodeProto[] {
  return node.filter(
    (one) => one.opType === opType && (input === undefined || one.input.includes(input)),
  );
}

/** Makes a node give its first input. */
function passOn(node: NodeProto): void {
  Object.assign(node, { opType: 'Identity', domain: '', input: [node.input[0]!], attribute: [] });
}

async function reportOf(runtime: Runtime): Promise<SelfTestReport> {
  try {
    return await selfTest(runtime);
  } finally {
    await runtime.release();
  }
}

test('the fused attention of the CPU agrees with the decomposed one', async () => {
  const { maxDifference } = await reportOf(new Runtime('cpu', 2));
  assert.ok(maxDifference > 0 && maxDifference < 1e-4, String(maxDifference));
});

test('a wrong residual stream is found', async () => {
  const { maxDifference } = await reportOf(new FaultyRuntime('y', 70, 0.5));
  assert.ok(maxDifference > 0.1, String(maxDifference));
});

test('a wrong loss is found and named', async () => {
  const { maxDifference, where } = await reportOf(new FaultyRuntime('loss', 3, 0.01));
  assert.ok(maxDifference > SELF_TEST_TOLERANCE);
  assert.match(where, /^loss of (llama|opt) at (16|64|130) tokens$/);
});

const FAULTS: readonly (readonly [where: RegExp, change: (graph: GraphProto) => void])[] = [
  [
    /^attention with capped scores at 130 tokens$/,
    (graph) => {
      if (graph.name === 'attention') nodesOf(graph, 'Tanh').forEach(passOn);
    },
  ],
  [
    /^loss of capped logits at 130 tokens$/,
    (graph) => {
      if (graph.name === 'loss') nodesOf(graph, 'Tanh').forEach(passOn);
    },
  ],
  [
    /^mlp with a norm after it at 130 tokens$/,
    (graph) => {
      if (graph.name !== 'mlp') return;
      nodesOf(graph, 'SimplifiedLayerNormalization', 'after_gain').forEach(passOn);
    },
  ],
  [
    /^attention with a norm after it at 130 tokens$/,
    (graph) => {
      if (graph.name !== 'attention') return;
      // Norms of gains less one read the sum.
      const sums = nodesOf(graph, 'Add', 'after_gain').flatMap(({ output }) => output);
      for (const sum of sums) nodesOf(graph, 'SimplifiedLayerNormalization', sum).forEach(passOn);
    },
  ],
  [
    /^attention with norms of heads at 130 tokens$/,
    (graph) => {
      nodesOf(graph, 'SimplifiedLayerNormalization', 'k_norm_gain').forEach(passOn);
    },
  ],
  [
    /^mlp beside attention at 130 tokens$/,
    (graph) => {
      for (const node of nodesOf(graph, 'Add', 'stream')) node.input[0] = 'x';
    },
  ],
  [
    /^mlp with a norm behind it at 130 tokens$/,
    (graph) => {
      if (graph.name !== 'norm') return;
      nodesOf(graph, 'SimplifiedLayerNormalization').forEach(passOn);
    },
  ],
  [
    /^mlp with GELU by tanh at 130 tokens$/,
    (graph) => {
      nodesOf(graph, 'Gelu')
        .filter(({ attribute }) =>
          attribute.some(({ s }) => new TextDecoder().decode(s) === 'tanh'),
        )
        .forEach(passOn);
    },
  ],
];

for (const [where, change] of FAULTS) {
  test(`a device is refused by name for ${where.source.slice(1, -'at 130 tokens$'.length)}`, async () => {
    const report = await reportOf(new OtherRuntime(change));
    assert.ok(report.maxDifference > SELF_TEST_TOLERANCE, JSON.stringify(report));
    assert.match(report.where, where);
  });
}

test('a device that looks beyond a window is refused by name', async () => {
  const report = await reportOf(new FarSighted());
  assert.ok(report.maxDifference > SELF_TEST_TOLERANCE, JSON.stringify(report));
  assert.equal(report.where, 'attention in a window at 130 tokens');
});

test('a loss that is not a number fails whatever the tolerance', async () => {
  const { maxDifference } = await reportOf(new FaultyRuntime('loss', 3, NaN));
  assert.equal(maxDifference, Infinity);
});

test('the rate of a MatMul is a plausible number', async () => {
  const runtime = new Runtime('cpu', 2);
  const rate = await matMulRate(runtime);
  await runtime.release();
  assert.ok(rate > 0.1 && rate < 100_000, String(rate));
});
