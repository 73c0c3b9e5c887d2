import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  type LayerWeights,
  type Linear,
  ModelWeights,
} from '../../../src/engine/checkpoint/modelWeights.ts';
import {
  type CalibratedLayer,
  collectStatistics,
} from '../../../src/engine/calibration/collect.ts';
import type {
  InputStatistics,
  LayerStatistics,
} from '../../../src/engine/calibration/statistics.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { observe } from '../../../src/engine/passes/statistics.ts';
import type { SublayerStatistics } from '../../../src/engine/sparsity/sublayerStatistics.ts';
import { attentionStatistics } from '../../../src/engine/sparsity/attentionStatistics.ts';
import { denseSubnet, type LayerMask } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { type Rows, referenceForward } from '../../fixtures/referenceModel.ts';
import { TINY_OPT_350M, type TinyOptions, tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

const models: Record<string, TinyOptions> = {
  'a Llama with grouped queries': { layers: 3 },
  'an OPT with biases': { family: 'opt', layers: 2 },
  'an OPT with norms behind its sublayers': TINY_OPT_350M,
  'a GPT-NeoX of parallel blocks': { family: 'gpt_neox', config: { hidden_act: 'relu' } },
};

/** Of the largest entry: float32 sums over some 10² tokens of products of float32 activations. */
const TOLERANCE = 1e-5;

for (const [name, options] of Object.entries(models)) {
  const weights = tinyWeights(options);
  const windows = windowsFor(weights, 6);

  test(`statistics of ${name} are those of its activations, one by one`, async () => {
    const expected = bruteForce(weights, windows);
    const found = await collect(weights, [windows.slice(0, 4), windows.slice(4)]);
    assert.equal(found.length, weights.shape.layers);
    for (const [l, { layer, statistics, influence }] of found.entries()) {
      assert.equal(layer, l);
      for (const part of PARTS) {
        const [mine, theirs] = [statistics[part], expected[l]!.statistics[part]];
        assert.equal(mine.width, theirs.width);
        assert.equal(mine.tokens, 6 * 17);
        assert.equal(theirs.tokens, 6 * 17);
        checkClose(mine.gram, theirs.gram, `block ${l}, ${part}: Gram matrix`);
        checkClose(mine.sum, theirs.sum, `block ${l}, ${part}: sum`);
      }
      assert.ok(Math.abs(influence - expected[l]!.influence) < 1e-5, `block ${l}: influence`);
    }
  });

  test(`statistics of ${name} do not depend on how windows are batched`, async () => {
    const whole = await collect(weights, [windows]);
    const single = await collect(
      weights,
      windows.map((window) => [window]),
    );
    for (const [l, { statistics, influence }] of whole.entries()) {
      for (const part of PARTS) {
        checkClose(statistics[part].gram, single[l]!.statistics[part].gram, `block ${l}, ${part}`);
        checkClose(statistics[part].sum, single[l]!.statistics[part].sum, `block ${l}, ${part}`);
        assert.equal(statistics[part].tokens, single[l]!.statistics[part].tokens);
      }
      assert.ok(Math.abs(influence - single[l]!.influence) < 1e-6);
    }
  });
}

test('statistics do not know of the zeros that pad heads for long windows', async () => {
  const config = { max_position_embeddings: 1024 };
  const weights = tinyWeights({ layers: 1, heads: 2, kvHeads: 1, headDim: 6, hidden: 16, config });
  const window = Uint32Array.from({ length: 1024 }, (_, t) => (3 + t * t + 7 * (t % 5)) % 96);
  const [found] = await collect(weights, [[window]]);
  const [expected] = bruteForce(weights, [window]);
  for (const part of PARTS) {
    const [mine, theirs] = [found!.statistics[part], expected!.statistics[part]];
    assert.equal(mine.tokens, 1024);
    checkClose(mine.gram, theirs.gram, `${part}: Gram matrix`);
    checkClose(mine.sum, theirs.sum, `${part}: sum`);
  }
  const [layer, mask] = [weights.layers[0]!, denseSubnet(weights.shape).layers[0]!];
  const forward = new ForwardPass(runtime, weights.shape);
  const states = await forward.embed(weights, [[window]]);
  assert.equal(forward.variantFor(layer.block.attention, states[0]), 'fused');
  const look = async (kept: LayerMask): Promise<SublayerStatistics> => {
    const at = { index: 0, kind: 'attention', layer, mask: kept, states, reads: states } as const;
    const collecting = attentionStatistics(forward, at, { gram: true, sets: [] });
    await observe(forward, at, collecting.statistics);
    return collecting.result();
  };
  const { inner, tokens } = await look(mask);
  assert.equal(tokens, 1024);
  checkClose(inner.gram!, expected!.statistics.context.gram, 'Gram matrix of a sparsity pass');
  const narrow = { ...mask, heads: [{ ...mask.heads[0]!, vo: Uint32Array.of(1, 4, 5) }] };
  const part = await look(narrow);
  const kept = [1, 4, 5, 7, 10, 11];
  const among = kept.flatMap((i) => kept.map((j) => inner.gram![i * 12 + j]!));
  checkClose(part.inner.gram!, Float64Array.from(among), 'Gram matrix of kept dimensions');
});

test('Gram matrices are symmetric to the last bit', async () => {
  const weights = tinyWeights({ layers: 1 });
  const [block] = await collect(weights, [windowsFor(weights, 3)]);
  for (const part of PARTS) {
    const { gram, width } = block!.statistics[part];
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < i; j++) assert.equal(gram[i * width + j], gram[j * width + i]);
    }
  }
});

test('a block that adds nothing has no influence, whatever norms behind it do', async () => {
  for (const options of [{ layers: 2 }, TINY_OPT_350M]) {
    const weights = tinyWeights(options);
    const [first, second] = weights.layers as [LayerWeights, LayerWeights];
    const still = { ...first, o: zeroed(first.o), down: zeroed(first.down) };
    const changed = new ModelWeights({ ...weights, layers: [still, second] });
    const [found] = await collect(changed, [windowsFor(weights, 2)]);
    assert.ok(Math.abs(found!.influence) < 1e-6);
  }
});

test('a request to stop ends the pass after the block in work', async () => {
  const weights = tinyWeights({ layers: 3 });
  const stop = new AbortController();
  const told: number[] = [];
  const pass = collectStatistics(
    new ForwardPass(runtime, weights.shape),
    weights,
    [windowsFor(weights, 2)],
    ({ layer }) => {
      told.push(layer);
      stop.abort();
    },
    stop.signal,
  );
  await assert.rejects(pass, (error) => isEngineError(error, 'cancelled'));
  assert.deepEqual(told, [0]);
});

const PARTS = ['attentionInput', 'context', 'mlpInput', 'hidden'] as const;

async function collect(
  weights: ModelWeights,
  batches: readonly (readonly Uint32Array[])[],
): Promise<CalibratedLayer[]> {
  const found: CalibratedLayer[] = [];
  const forward = new ForwardPass(runtime, weights.shape);
  await collectStatistics(forward, weights, batches, (layer) => void found.push(layer));
  return found;
}

function windowsFor({ shape }: ModelWeights, count: number): Uint32Array[] {
  return Array.from({ length: count }, (_, w) =>
    Uint32Array.from({ length: 17 }, (_, t) => (3 + t * t * (w + 1) + 29 * w) % shape.vocab),
  );
}

/** The same from every activation of the reference model, entry by entry. */
function bruteForce(weights: ModelWeights, windows: readonly Uint32Array[]): CalibratedLayer[] {
  const runs = windows.map((window) => referenceForward(weights, window));
  return weights.layers.map((own, layer) => {
    const blocks = runs.map((run) => run.blocks[layer]!);
    const all = (part: (typeof PARTS)[number]): InputStatistics =>
      sumOver(blocks.flatMap((block) => [...block[part]]));
    const statistics: LayerStatistics = {
      attentionInput: all('attentionInput'),
      context: all('context'),
      mlpInput: all('mlpInput'),
      hidden: all('hidden'),
    };
    const distances = blocks.flatMap(({ without, after: then }) =>
      without.map((x, t) => 1 - cosine(x, then[t]!)),
    );
    const influence = distances.reduce((sum, one) => sum + one, 0) / distances.length;
    return { layer, weights: own, statistics, influence };
  });
}

function sumOver(rows: Rows): InputStatistics {
  const width = rows[0]!.length;
  const gram = new Float64Array(width * width);
  const sum = new Float64Array(width);
  for (const x of rows) {
    for (let i = 0; i < width; i++) {
      sum[i]! += x[i]!;
      for (let j = 0; j < width; j++) gram[i * width + j]! += x[i]! * x[j]!;
    }
  }
  return { width, tokens: rows.length, gram, sum };
}

function cosine(a: Float64Array, b: Float64Array): number {
  const dot = (x: Float64Array, y: Float64Array): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function zeroed({ weight, bias }: Linear): Linear {
  return { weight: new Float32Array(weight.length), bias: bias && new Float32Array(bias.length) };
}

function checkClose(found: Float64Array, expected: Float64Array, what: string): void {
  assert.equal(found.length, expected.length, what);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
  assert.ok(worst <= TOLERANCE * scale, `${what}: off by ${worst} of ${scale}`);
}
