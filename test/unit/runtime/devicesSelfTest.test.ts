import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selfTest, type SelfTestReport } from '../../../src/engine/graphs/selfTest.ts';
import { SELF_TEST_TOLERANCE } from '../../../src/engine/runtime/probe.ts';
import { matMulRate } from '../../../src/engine/runtime/probeRate.ts';
import { float32Of, Runtime, type Session } from '../../../src/engine/runtime/runtime.ts';

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
