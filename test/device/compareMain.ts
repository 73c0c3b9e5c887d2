// Runs tiny models on WebGPU and on the CPU and sends what it saw to the test that started it.
import type { ModelWeights } from '../../src/engine/checkpoint/modelWeights.ts';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { GraphBuilder } from '../../src/engine/onnx/graphBuilder.ts';
import { releaseTensors } from '../../src/engine/runtime/deviceTensors.ts';
import { Runtime, type Tensor, tensorOf } from '../../src/engine/runtime/runtime.ts';
import { type Visitor, walk } from '../../src/engine/passes/walk.ts';
import { denseSubnet, type HeadMask, type Subnet } from '../../src/engine/model/subnet.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import { TINY_OPT_350M, type TinyOptions, tinyWeights } from '../fixtures/tinyModel.ts';
import { CountingRuntime } from './countingRuntime.ts';

/** A comparison of one value of a model on the two devices. */
export interface Comparison {
  readonly name: string;
  readonly elements: number;
  readonly maxDifference: number;
  /** Root mean square of the CPU's values: a difference means nothing beside zeros. */
  readonly size: number;
}

/** What the child process sends. */
export interface DeviceFindings {
  readonly comparisons: readonly Comparison[];
  /** Where each state after a sublayer was. */
  readonly locations: readonly string[];
  /** Matrices uploaded by the first subnet of each model, and by all later ones. */
  readonly uploads: readonly { readonly first: number; readonly later: number }[];
  /** Device tensors alive at the end that are not uploaded weights. */
  readonly leaked: number;
  /** Device tensors alive after the runtime was released. */
  readonly aliveAfterRelease: number;
  /** What asking for more memory than there is came to. */
  readonly tooLarge: { readonly isDeviceError: boolean; readonly message: string };
  /** A product computed after that. */
  readonly afterwards: number;
}

type Values = Map<string, Float32Array>;

const MODELS: Readonly<Record<string, TinyOptions>> = {
  llama: {},
  opt: { family: 'opt' },
  'opt with norms behind its sublayers': TINY_OPT_350M,
};

const locations: string[] = [];

async function valuesOf(
  runtime: Runtime,
  forward: ForwardPass,
  weights: ModelWeights,
  subnet: Subnet,
  time: number,
): Promise<Values> {
  const values: Values = new Map();
  const head = new LossHead(forward);
  const window = (seed: number): Uint32Array =>
    Uint32Array.from({ length: time }, (_, t) => (t * t + 3 * t + seed) % weights.shape.vocab);
  const windows = [window(1), window(2), window(3)];
  const batches = [windows.slice(0, 2), windows.slice(2)];
  const embedded = await forward.embed(weights, batches);
  let states: Tensor[] = embedded;
  for (const [l, mask] of subnet.layers.entries()) {
    for (const kind of ['attention', 'mlp'] as const) {
      const taps: Float32Array[] = [];
      const next = await forward.sublayer(kind, weights.layers[l]!, mask, states, {
        tap: ({ inner }) => void taps.push(inner),
      });
      releaseTensors(states);
      states = next;
      if (runtime.onDevice) locations.push(...states.map((state) => state.location));
      values.set(`${kind} ${l}`, await forward.host(states[1]!));
      taps.forEach((inner, batch) => values.set(`${kind} ${l} inner ${batch}`, inner));
    }
  }
  const targets = await head.nextTokenTargets(weights, windows);
  values.set('loss', await head.losses(weights, states, targets));
  const other = await forward.block(
    weights.layers[0]!,
    denseSubnet(weights.shape).layers[0]!,
    embedded,
  );
  const dense = await head.denseTargets(weights, other);
  values.set('expected rows', dense.rows);
  values.set('kl', await head.losses(weights, states, dense));
  values.set('logits', await head.logits(weights, states[0]!));
  releaseTensors([...states, ...other]);
  return values;
}

/** Heads of different sizes, one of them removed, and a block without its MLP. */
function ragged({ shape }: ModelWeights): Subnet {
  const [first, second] = denseSubnet(shape).layers;
  const thin = (head: HeadMask, g: number): HeadMask =>
    g === 1
      ? { qk: new Uint32Array(), vo: new Uint32Array() }
      : {
          qk: head.qk.filter((unit) => (unit + g) % 3 !== 0),
          vo: head.vo.filter((unit) => unit % (g + 2) !== 1),
        };
  return {
    layers: [
      { heads: first!.heads.map(thin), mlp: first!.mlp.filter((unit) => unit % 3 !== 1) },
      { heads: second!.heads, mlp: new Uint32Array() },
    ],
  };
}

function compared(name: string, expected: Float32Array, found: Float32Array): Comparison {
  let maxDifference = expected.length === found.length ? 0 : Infinity;
  let squares = 0;
  expected.forEach((value, i) => {
    const one = Math.abs(value - found[i]!);
    if (!(one <= maxDifference)) maxDifference = one;
    squares += value * value;
  });
  const size = Math.sqrt(squares / expected.length);
  return { name, elements: expected.length, maxDifference, size };
}

/** 40,000² float32 is 6 GB, more than a buffer may have. */
async function tooLarge(
  runtime: Runtime,
): Promise<Pick<DeviceFindings, 'tooLarge' | 'afterwards'>> {
  const graph = new GraphBuilder('outer');
  const [a, b] = [graph.input('a', 'float32', ['m', 'k']), graph.input('b', 'float32', ['k', 'n'])];
  graph.output('y', graph.op('MatMul', [a, b]), 'float32', ['m', 'n']);
  const session = await runtime.session(graph.build(), { keepOnDevice: true });
  const outer = async (n: number): Promise<Tensor> => {
    const ones = new Float32Array(n).fill(2);
    return session.run1({ a: tensorOf(ones, [n, 1]), b: tensorOf(ones, [1, n]) });
  };
  let [isDeviceError, message] = [false, 'no error'];
  try {
    releaseTensors([await outer(40_000)]);
  } catch (error) {
    isDeviceError = isEngineError(error, 'device');
    message = String(error);
  }
  const product = await outer(2);
  const { data } = await runtime.download(product);
  releaseTensors([product]);
  return { tooLarge: { isDeviceError, message }, afterwards: (data as Float32Array)[3]! };
}

/** Walks that end with an error at each sublayer in turn: what they hold must be freed, too. */
async function walkIntoErrors(gpu: Runtime, weights: ModelWeights): Promise<void> {
  const forward = new ForwardPass(gpu, weights.shape);
  const subnet = denseSubnet(weights.shape);
  const batches = [[Uint32Array.of(1, 2, 3, 4)], [Uint32Array.of(4, 3, 2, 1)]];
  for (let last = 0; last < 4; last++) {
    let visits = 0;
    const visitor: Visitor = {
      async visit(here) {
        await here.observe([{ add: async (flow) => void (await flow.after()) }]);
        if (visits++ === last) throw new RangeError('the end');
        return 'unchanged';
      },
    };
    const request = { forward, weights, subnet, batches, reference: subnet, copies: 2 };
    await walk(request, visitor).then(
      () => {
        throw new Error('The walk had to end early.');
      },
      (error: unknown) => {
        if (!(error instanceof RangeError)) throw error;
      },
    );
  }
}

async function main(): Promise<void> {
  const cpu = new Runtime('cpu', 2);
  const gpu = new CountingRuntime('webgpu', 2);
  const comparisons: Comparison[] = [];
  const uploads: { first: number; later: number }[] = [];
  for (const [family, options] of Object.entries(MODELS)) {
    const weights = tinyWeights(options);
    const [onCpu, onGpu] = [
      new ForwardPass(cpu, weights.shape),
      new ForwardPass(gpu, weights.shape),
    ];
    const before = gpu.uploads;
    let first = 0;
    for (const [kind, subnet] of [
      ['dense', denseSubnet(weights.shape)],
      ['ragged', ragged(weights)],
    ] as const) {
      for (const time of [16, 130]) {
        const expected = await valuesOf(cpu, onCpu, weights, subnet, time);
        const found = await valuesOf(gpu, onGpu, weights, subnet, time);
        for (const [part, values] of expected) {
          const name = `${family} ${kind} T=${time} ${part}`;
          comparisons.push(compared(name, values, found.get(part)!));
        }
        if (first === 0) first = gpu.uploads - before;
      }
    }
    uploads.push({ first, later: gpu.uploads - before - first });
  }
  for (const options of Object.values(MODELS)) await walkIntoErrors(gpu, tinyWeights(options));
  const limits = await tooLarge(gpu);
  const leaked = gpu.alive() - gpu.uploads;
  await gpu.release();
  const findings: DeviceFindings = {
    comparisons,
    locations,
    uploads,
    leaked,
    aliveAfterRelease: gpu.alive(),
    ...limits,
  };
  process.send!(findings, () => process.exit(0));
}

void main();
