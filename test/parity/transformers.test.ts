import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadWeights } from '../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint } from '../../src/engine/checkpoint/openCheckpoint.ts';
import type { ModelWeights } from '../../src/engine/checkpoint/modelWeights.ts';
import { perplexityOf } from '../../src/engine/evaluation/perplexity.ts';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { loadTokenizer } from '../../src/engine/tokenizer/loadTokenizer.ts';
import { windowsOf } from '../../src/engine/tokenizer/tokenWindows.ts';
import { referenceForward } from '../fixtures/referenceModel.ts';

// Recorded by scripts/parity/make_fixtures.py from transformers, in float32 on the CPU.

interface Fixture {
  readonly model: string;
  readonly ids: readonly number[];
  readonly nll: readonly number[];
  /** Of every position, for the random models. */
  readonly logits?: readonly (readonly number[])[];
  /** Of the last positions, for the bundled models. */
  readonly lastLogits?: readonly (readonly number[])[];
  readonly heldout?: {
    readonly file: string;
    readonly tokens: number;
    readonly firstTokens: readonly number[];
    readonly context: number;
    readonly windows: number;
    readonly predictions: number;
    readonly perplexity: number;
  };
}

/**
 * Both sides sum some 10² float32 products per output through a few blocks, in different orders, and
 * the record keeps seven digits. The largest difference seen is 2e-5, of logits up to 20; a wrong
 * rotation, bias or head changes the first digit.
 */
const TOLERANCE = 1e-4;

const root = new URL('../../', import.meta.url);
const folder = new URL('test/parity/fixtures/', root);
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

test('every kind of checkpoint has a record', () => {
  for (const name of [
    'llama-mha-untied',
    'llama-gqa-tied-bf16',
    'llama3-rope',
    'llama-sharded',
    'opt-small',
    'tiny-llama',
    'tiny-opt',
  ]) {
    assert.ok(names.includes(`${name}.json`), name);
  }
});

for (const name of names) {
  const fixture = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Fixture;

  test(`${fixture.model}: logits and losses are those of transformers`, async () => {
    const { weights, forward, head } = await load(fixture);
    const ids = Uint32Array.from(fixture.ids);
    const states = await run(forward, weights, ids);
    const logits = await head.logits(weights, states[0]!);
    const expected = (fixture.logits ?? fixture.lastLogits!).flat();
    const found = logits.subarray(logits.length - expected.length);
    assert.ok(worst(found, expected) < TOLERANCE, `logits differ by ${worst(found, expected)}`);
    const losses = await head.losses(weights, states, await head.nextTokenTargets(weights, [ids]));
    assert.ok(worst(losses, fixture.nll) < TOLERANCE, `losses by ${worst(losses, fixture.nll)}`);
  });

  const { logits, heldout } = fixture;
  if (logits !== undefined) {
    test(`${fixture.model}: the plain reference model agrees with transformers`, async () => {
      const { weights } = await load(fixture);
      const found = referenceForward(weights, Uint32Array.from(fixture.ids)).logits;
      const flat = found.flatMap((row) => [...row]);
      assert.ok(worst(flat, logits.flat()) < TOLERANCE);
    });
  }

  if (heldout !== undefined) {
    test(`${fixture.model}: tokens and held-out perplexity are those of transformers`, async () => {
      const { weights, forward, head, path } = await load(fixture);
      const tokenizer = await loadTokenizer(path, weights.shape.vocab);
      const text = readFileSync(new URL(heldout.file, root), 'utf8');
      const tokens = await tokenizer.encode(text);
      tokenizer.release();
      assert.equal(tokens.length, heldout.tokens);
      assert.deepEqual([...tokens.slice(0, heldout.firstTokens.length)], heldout.firstTokens);
      assert.deepEqual([...tokens.slice(1000, 1000 + fixture.ids.length)], fixture.ids);
      const windows = windowsOf(tokens, heldout.context, 'all', { mode: 'contiguous' });
      assert.equal(windows.length, heldout.windows);
      const candidate = { weights, subnet: denseSubnet(weights.shape) };
      const found = await perplexityOf(forward, head, candidate, windows);
      assert.equal(found.tokens, heldout.predictions);
      // A mean over thousands of tokens: single errors of 1e-5 nats cancel.
      assert.ok(Math.abs(Math.log(found.perplexity! / heldout.perplexity)) < 1e-5);
    });
  }
}

async function load({ model }: Fixture): Promise<{
  readonly path: string;
  readonly weights: ModelWeights;
  readonly forward: ForwardPass;
  readonly head: LossHead;
}> {
  const path = fileURLToPath(new URL(model, root));
  const weights = await loadWeights(await openCheckpoint(path));
  const forward = new ForwardPass(runtime, weights.shape);
  return { path, weights, forward, head: new LossHead(forward) };
}

async function run(forward: ForwardPass, weights: ModelWeights, ids: Uint32Array) {
  const dense = denseSubnet(weights.shape);
  let states = await forward.embed(weights, [[ids]]);
  for (const [l, layer] of weights.layers.entries()) {
    states = await forward.block(layer, dense.layers[l]!, states);
  }
  return states;
}

function worst(found: ArrayLike<number>, expected: readonly number[]): number {
  assert.equal(found.length, expected.length);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
}
