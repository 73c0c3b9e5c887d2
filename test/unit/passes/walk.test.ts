import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { denseSubnet, type LayerMask, type Subnet } from '../../../src/engine/model/subnet.ts';
import { InputSums } from '../../../src/engine/passes/statistics.ts';
import { type Here, walk } from '../../../src/engine/passes/walk.ts';
import { Runtime, type Tensor } from '../../../src/engine/runtime/runtime.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

const weights = tinyWeights({ layers: 3 });
const { shape } = weights;
const forward = new ForwardPass(runtime, shape);
const dense = denseSubnet(shape);
const batches = [
  [windowOf(1), windowOf(2)],
  [windowOf(3), windowOf(4)],
];

describe('a walk', () => {
  it('visits every sublayer that is kept, in order, on the stream of those before it', async () => {
    const subnet = withoutAttentionIn(randomMasks(shape, 3), 1);
    const seen: string[] = [];
    const last = await streamAt(subnet, 2, 'mlp');
    await walk(
      { forward, weights, subnet, batches },
      {
        visit: async ({ index, kind, states }) => {
          seen.push(`${index} ${kind}`);
          if (index === 2 && kind === 'mlp') await checkEqual(states, last);
          return 'unchanged';
        },
      },
    );
    const all = [0, 1, 2].flatMap((index) => [`${index} attention`, `${index} mlp`]);
    const removed = new Set(
      subnet.layers.flatMap(({ heads, mlp }, l) => [
        ...(heads.every(({ qk }) => qk.length === 0) ? [`${l} attention`] : []),
        ...(mlp.length === 0 ? [`${l} mlp`] : []),
      ]),
    );
    assert.ok(removed.has('1 attention'));
    assert.deepEqual(
      seen,
      all.filter((name) => !removed.has(name)),
    );
  });

  it('goes on with what a visitor has changed, and returns it', async () => {
    const zeroed = { ...weights.layers[0]!.o, weight: new Float32Array(32 * 32) };
    const [made] = await walk(
      { forward, weights, subnet: dense, batches },
      {
        visit: async ({ index, kind, states, original, reference }) => {
          assert.equal(reference, null);
          if (index === 0 && kind === 'attention') return { maps: [{ o: zeroed }] };
          if (index > 0 || kind === 'attention') return 'unchanged';
          // Attention without an output map adds nothing: the stream is the embedding.
          await checkEqual(states, await forward.embed(weights, batches));
          assert.equal(original, weights.layers[0]);
          return 'unchanged';
        },
      },
    );
    const first = await made!.block(0);
    assert.equal(first.o, zeroed);
    assert.equal(first.q, weights.layers[0]!.q);
    assert.equal(await made!.block(1), weights.layers[1]);
  });

  it('carries the unchanged weights beside the changed ones, under masks of their own', async () => {
    const subnet = randomMasks(shape, 5);
    const expected = await streamAt(dense, 1, 'mlp');
    let checked = 0;
    await walk(
      { forward, weights, subnet, batches, reference: dense, copies: 2 },
      {
        visit: async ({ index, kind, layer, copies, reference }: Here) => {
          assert.equal(copies.length, 2);
          if (index === 1 && kind === 'attention') {
            await checkEqual(reference!, expected);
            checked++;
          }
          const down = { ...layer.down, weight: new Float32Array(64 * 32) };
          return kind === 'mlp' ? { maps: [{}, { down }] } : 'unchanged';
        },
      },
    );
    assert.equal(checked, 1);
  });

  it('takes a mask of the visitor instead of its own', async () => {
    const [, narrow] = [dense, randomMasks(shape, 8)];
    const expected = await streamAt(narrow, 2, 'attention');
    await walk(
      { forward, weights, subnet: dense, batches },
      {
        visit: async ({ index, kind, states }) => {
          if (index === 2 && kind === 'attention') await checkEqual(states, expected);
          return { mask: narrow.layers[index]! };
        },
      },
    );
  });

  it('shows what flows, and does not run a sublayer again that was only looked at', async () => {
    const looks: number[] = [];
    await walk(
      { forward, weights, subnet: dense, batches },
      {
        visit: async (here) => {
          const sums = new InputSums(forward.moments, shape.hidden, { squares: true });
          let after: Float32Array | undefined;
          await here.observe([
            { add: (flow) => sums.add(flow.normed) },
            { add: async (flow) => void (after = await flow.after()) },
          ]);
          looks.push(sums.tokens);
          assert.equal(after!.length, 2 * 12 * shape.hidden);
          assert.ok(sums.squares.every((sum) => sum > 0));
          return 'unchanged';
        },
      },
    );
    assert.deepEqual(looks, Array(6).fill(4 * 12));
  });

  it('has a parallel MLP read the stream before its block, in every copy and the reference', async () => {
    const neox = tinyWeights({ family: 'gpt_neox', layers: 3 });
    const pass = new ForwardPass(runtime, neox.shape);
    const whole = denseSubnet(neox.shape);
    const subnet = randomMasks(neox.shape, 5);
    const behind = async (masks: Subnet, blocks: number): Promise<Tensor[]> => {
      let states = await pass.embed(neox, batches);
      for (let l = 0; l < blocks; l++) {
        states = await pass.block(neox.layers[l]!, masks.layers[l]!, states);
      }
      return states;
    };
    const request = { forward: pass, weights: neox, subnet, batches, reference: whole, copies: 2 };
    let checked = 0;
    await walk(request, {
      visit: async ({ index, kind, states, reads, copies, reference }) => {
        if (index < 2 || kind === 'attention') {
          assert.equal(kind === 'attention', reads === states);
          return 'unchanged';
        }
        await checkEqual(reads, await behind(subnet, 2));
        await checkEqual(copies[1]!.reads, reads);
        await checkEqual(reference!, await behind(whole, 3));
        checked++;
        return 'unchanged';
      },
      leave: async ({ index, states }) => {
        if (index === 2) await checkEqual(states, await behind(subnet, 3));
      },
    });
    assert.equal(checked, subnet.layers[2]!.mlp.length > 0 ? 1 : 0);
  });

  it('tells progress and leaves each block with the stream behind it', async () => {
    const told: string[] = [];
    const onProgress = (done: number, total: number): void => void told.push(`${done}/${total}`);
    await walk(
      { forward, weights, subnet: dense, batches, onProgress },
      {
        visit: () => Promise.resolve('unchanged'),
        leave: async ({ index, states }) => {
          told.push(`block ${index}`);
          if (index < 2) await checkEqual(states, await streamAt(dense, index + 1, 'attention'));
        },
      },
    );
    const expected = ['1/6', '2/6', 'block 0', '3/6', '4/6', 'block 1', '5/6', '6/6', 'block 2'];
    assert.deepEqual(told, expected);
  });

  it('stops when it is asked to, even if nothing runs', async () => {
    const stop = new AbortController();
    let visits = 0;
    const pass = walk(
      { forward, weights, subnet: dense, batches: [], signal: stop.signal },
      {
        visit: () => {
          if (++visits === 3) setImmediate(() => stop.abort());
          return Promise.resolve('unchanged');
        },
      },
    );
    await assert.rejects(pass, (error) => isEngineError(error, 'cancelled'));
    assert.ok(visits < 6);
  });
});

/** The residual stream before a sublayer, computed block by block without a walk. */
async function streamAt(
  subnet: Subnet,
  index: number,
  kind: 'attention' | 'mlp',
): Promise<readonly Tensor[]> {
  let states: readonly Tensor[] = await forward.embed(weights, batches);
  for (let l = 0; l < index; l++) {
    states = await forward.block(weights.layers[l]!, subnet.layers[l]!, states);
  }
  if (kind === 'attention') return states;
  return forward.sublayer('attention', weights.layers[index]!, subnet.layers[index]!, states);
}

async function checkEqual(found: readonly Tensor[], expected: readonly Tensor[]): Promise<void> {
  assert.equal(found.length, expected.length);
  for (const [b, tensor] of found.entries()) {
    assert.deepEqual(await forward.host(tensor), await forward.host(expected[b]!));
  }
}

function withoutAttentionIn(subnet: Subnet, index: number): Subnet {
  const none = new Uint32Array(0);
  const gone = (mask: LayerMask): LayerMask => ({
    ...mask,
    heads: mask.heads.map(() => ({ qk: none, vo: none })),
  });
  return { layers: subnet.layers.map((mask, l) => (l === index ? gone(mask) : mask)) };
}

function windowOf(seed: number): Uint32Array {
  return Uint32Array.from({ length: 12 }, (_, t) => (seed * 31 + t * t * 7) % shape.vocab);
}
