import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { FAMILIES } from '../../src/engine/checkpoint/families/registry.ts';
import { loadWeights } from '../../src/engine/checkpoint/loadWeights.ts';
import type { ModelWeights } from '../../src/engine/checkpoint/modelWeights.ts';
import { openCheckpoint } from '../../src/engine/checkpoint/openCheckpoint.ts';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { releaseTensors } from '../../src/engine/runtime/deviceTensors.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';

/** Largest difference of logits over the largest logit: float32 sums of some 10² terms, blocks deep. */
const LOGITS = 5e-5;
/** Nats, of a mean over a text. */
const LOSS = 1e-5;

/** What scripts/parity/make_family_fixtures.py recorded. */
interface Expected {
  readonly versions: { readonly transformers: string };
  readonly ids: readonly number[];
  /** [T, V] float32, base64 */
  readonly logits: string;
  /** Of each token but the first, nats. */
  readonly losses: readonly number[];
  /** A prompt and what follows greedily. */
  readonly greedy: readonly number[];
  /** First logit over the second at each greedy token, in shares of the largest. */
  readonly margins: readonly number[];
}

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

const root = join(import.meta.dirname, 'fixtures');
for (const { name: family } of FAMILIES) {
  describe(`checkpoints of ${family}, against transformers`, () => {
    const folders = readdirSync(join(root, family)).sort();
    test('are three or more', () => assert.ok(folders.length >= 3, folders.join(', ')));

    for (const folder of folders) {
      test(`${folder}: logits, losses and greedy text`, async () => {
        const path = join(root, family, folder);
        const expected = JSON.parse(readFileSync(join(path, 'expected.json'), 'utf8')) as Expected;
        const weights = await loadWeights(await openCheckpoint(path));
        const { ids } = expected;
        const { logits, losses } = await computed(weights, ids);

        const wanted = new Float32Array(
          Uint8Array.from(Buffer.from(expected.logits, 'base64')).buffer,
        );
        assert.equal(logits.length, wanted.length);
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const worst = wanted.reduce((w, value, i) => Math.max(w, Math.abs(value - logits[i]!)), 0);
        assert.ok(worst / largest <= LOGITS, `logits differ by ${worst / largest} of the largest`);

        const mean = (all: Iterable<number>): number => {
          const numbers = [...all];
          return numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
        };
        const off = Math.abs(mean(losses) - mean(expected.losses));
        assert.ok(off <= LOSS, `the mean loss differs by ${off} nats`);

        const first = expected.greedy.length - expected.margins.length;
        for (const [step, margin] of expected.margins.entries()) {
          if (margin <= LOGITS) continue;
          const before = expected.greedy.slice(0, first + step);
          const next = (await computed(weights, before)).logits.subarray(-weights.shape.vocab);
          assert.equal(
            next.indexOf(Math.max(...next)),
            expected.greedy[first + step],
            `token ${step}`,
          );
        }
      });
    }
  });
}

/** Logits [T, V] of a text, and the losses of its tokens but the first. */
async function computed(
  weights: ModelWeights,
  ids: readonly number[],
): Promise<{ readonly logits: Float32Array; readonly losses: Float32Array }> {
  const forward = new ForwardPass(runtime, weights.shape);
  const head = new LossHead(forward);
  const windows = [Uint32Array.from(ids)];
  const start = await forward.embed(weights, [windows]);
  const states = await forward.through(weights, denseSubnet(weights.shape), start);
  try {
    return {
      logits: await head.logits(weights, states[0]!),
      losses: await head.losses(weights, states, await head.nextTokenTargets(weights, windows)),
    };
  } finally {
    releaseTensors(states);
  }
}
