import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ChildProgram } from '../../../src/engine/runtime/childProgram.ts';
import { probeDevice, type ProbeMessage } from '../../../src/engine/runtime/probe.ts';

import { isEngineError } from '../../../src/protocol/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'probe-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that behaves as a broken driver makes the probe behave. */
function program(name: string, source: string): ChildProgram {
  const entry = join(folder, `${name}.cjs`);
  writeFileSync(entry, source);
  return { entry, execArgv: [] };
}

async function reasonOf(source: string, timeoutMs = 20_000): Promise<string> {
  const result = await probeDevice('cpu', {
    threads: 1,
    timeoutMs,
    program: program('broken', source),
  });
  assert.equal(result.ok, false);
  return result.ok ? '' : result.reason;
}

const posix = { skip: process.platform === 'win32' ? 'Windows has no signals' : false };

test('a driver that aborts is told by its signal and its last words', posix, async () => {
  const words = "terminate called after throwing an instance of 'char const*'";
  const reason = await reasonOf(
    `require('fs').writeSync(2, ${JSON.stringify(`first\n${words}\n`)}); process.kill(process.pid, 'SIGABRT'); setInterval(() => 0, 1000);`,
  );
  assert.equal(reason, `the probe ended with SIGABRT: ${words}`);
});

test('a probe that is killed from outside is told by its signal', posix, async () => {
  const reason = await reasonOf("process.kill(process.pid, 'SIGKILL')");
  assert.equal(reason, 'the probe ended with SIGKILL');
});

test('a probe that ends without a word is told by its exit code', async () => {
  assert.equal(await reasonOf('process.exit(3)'), 'the probe ended with exit code 3');
});

test('an uncaught error shows its message, not its stack', async () => {
  assert.match(await reasonOf("throw new Error('odd')"), /exit code 1: Error: odd$/);
});

test('a probe that hangs is stopped after its time', async () => {
  const start = performance.now();
  assert.equal(
    await reasonOf('setInterval(() => 0, 1000); for (;;);', 300),
    'no answer within 0.3 s',
  );
  assert.ok(performance.now() - start < 30_000);
});

test('a message that the device does not work is classified', async () => {
  const message: ProbeMessage = { kind: 'failed', message: 'Failed to get a WebGPU adapter: No' };
  assert.equal(await reasonOf(`process.send(${JSON.stringify(message)})`), 'no adapter found');
});

test('numbers beyond the tolerance fail the device and say where', async () => {
  const at = (maxDifference: number): string =>
    `process.send({ kind: 'measured', gflops: 7, maxDifference: ${maxDifference}, where: 'mlp of llama at 64 tokens' })`;
  assert.equal(await reasonOf(at(0.31)), 'wrong numbers: mlp of llama at 64 tokens is off by 0.31');
  const good = { threads: 1, program: program('good', at(9e-4)) };
  assert.deepEqual(await probeDevice('cpu', good), {
    ok: true,
    gflops: 7,
    maxDifference: 9e-4,
  });
});

test('an infinite difference survives the way between the processes', async () => {
  const source =
    "process.send({ kind: 'measured', gflops: 7, maxDifference: Infinity, where: 'loss' })";
  assert.match(await reasonOf(source), /^wrong numbers: loss/);
});

test('a program that is not there is a reason', async () => {
  const missing = { entry: join(folder, 'none.cjs'), execArgv: [] };
  const result = await probeDevice('cpu', { threads: 1, program: missing });
  assert.ok(!result.ok && /Cannot find module/.test(result.reason), JSON.stringify(result));
});

test('a raised signal stops a hanging probe at once', async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 200);
  const start = performance.now();
  const options = {
    threads: 1,
    signal: stop.signal,
    program: program('hang', 'setInterval(() => 0, 1000)'),
  };
  await assert.rejects(probeDevice('cpu', options), (error) => isEngineError(error, 'cancelled'));
  assert.ok(performance.now() - start < 30_000);
});
