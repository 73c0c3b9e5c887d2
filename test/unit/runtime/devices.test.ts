import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDevice, type Probe } from '../../../src/engine/runtime/devices.ts';
import { deviceCandidates, platformFacts } from '../../../src/engine/runtime/devicesCandidates.ts';
import type { ProbeResult } from '../../../src/engine/runtime/probe.ts';
import { type DeviceName, Runtime } from '../../../src/engine/runtime/runtime.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

function passing(gflops: number): ProbeResult {
  return { ok: true, gflops, maxDifference: 0 };
}

function failing(reason: string): ProbeResult {
  return { ok: false, reason, action: 'Do something.', gflops: null };
}

/** A probe with fixed results: whether a GPU is here must not decide this test. */
function probeOf(results: Partial<Record<DeviceName, ProbeResult>>): Probe {
  return (device) => Promise.resolve(results[device] ?? failing('not in this test'));
}

const facts = await platformFacts();
const gpus = deviceCandidates(facts).filter((one) => one.candidate && one.device !== 'cpu');
const gpu = gpus[0]?.device;
const needsGpu = { skip: gpu === undefined ? 'this build of ONNX Runtime has no GPU' : false };

test('auto takes the CPU when it is the faster of two that pass', needsGpu, async () => {
  const probe = probeOf({ cpu: passing(118.4), [gpu!]: passing(0.4567) });
  const choice = await chooseDevice('auto', { threads: 2, probe });
  assert.equal(choice.device, 'cpu');
  const report = choice.reports.find(({ device }) => device === gpu);
  assert.equal(report?.ok, true);
  assert.equal(report?.reason, 'slower (0.46 against 118 GFLOP/s)');
  assert.match(
    choice.summary,
    /^Using CPU \(118 GFLOP\/s, 2 threads\)\. \w+ skipped: slower \(0\.46 against 118 GFLOP\/s\)\./,
  );
});

test('auto takes a GPU that passes and is faster', needsGpu, async () => {
  const probe = probeOf({ cpu: passing(118), [gpu!]: passing(5_000) });
  const choice = await chooseDevice('auto', { threads: 1, probe });
  assert.equal(choice.device, gpu);
  assert.equal(choice.reports.filter(({ chosen }) => chosen).length, 1);
});

test('auto passes over a fast GPU with wrong numbers and says so', needsGpu, async () => {
  const wrong = { ...failing('wrong numbers'), gflops: 9_000 };
  const probe = probeOf({ cpu: passing(10), [gpu!]: wrong });
  const choice = await chooseDevice('auto', { threads: 1, probe });
  assert.equal(choice.device, 'cpu');
  assert.match(choice.summary, /^Using CPU \(10 GFLOP\/s, 1 thread\)\. .*skipped: wrong numbers\./);
});

test(
  'a named device that fails is an error with the reason, not another device',
  needsGpu,
  async () => {
    const probe = probeOf({ cpu: passing(118), [gpu!]: failing('no adapter found') });
    await assert.rejects(chooseDevice(gpu!, { threads: 2, probe }), (error) => {
      assert.ok(isEngineError(error, 'device'));
      assert.equal(error.problem.found, 'no adapter found');
      assert.equal(error.problem.action, 'Do something.');
      return true;
    });
  },
);

const absent: DeviceName = process.platform === 'darwin' ? 'dml' : 'coreml';

test('a named device that cannot exist here is refused without a try', async () => {
  const probe: Probe = () => assert.fail('it was tried');
  await assert.rejects(
    chooseDevice(absent, { threads: 1, probe }),
    /exists on (macOS|Windows) only.*subnet devices/,
  );
});

test('when not even the CPU passes the error tells every reason', async () => {
  const probe = probeOf({ cpu: failing('the probe ended with SIGILL') });
  await assert.rejects(
    chooseDevice('auto', { threads: 1, probe }),
    /CPU: the probe ended with SIGILL.*Do something/,
  );
});

test('a cancelled choice throws cancelled', async () => {
  const signal = AbortSignal.abort();
  await assert.rejects(chooseDevice('auto', { threads: 1, signal }), (error) =>
    isEngineError(error, 'cancelled'),
  );
});

test('the real CPU passes its self-test, and is tried once per process', async () => {
  const first = await chooseDevice('cpu', { threads: 2 });
  assert.equal(first.device, 'cpu');
  assert.ok(first.reports[0]!.gflops! > 0.1);
  const again = await chooseDevice('cpu', { threads: 2 });
  assert.equal(again.reports[0]!.gflops, first.reports[0]!.gflops);
});

test('a session on a provider that is not there is one clear error', async () => {
  await assert.rejects(new Runtime(absent, 1).session(new Uint8Array(4)), (error) => {
    assert.ok(isEngineError(error, 'device'));
    assert.equal(error.problem.found, 'not part of this build of ONNX Runtime');
    return true;
  });
});
