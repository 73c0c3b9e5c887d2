import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineApi } from '../../src/protocol/engineApi.ts';
import { HelperEngine } from '../../src/service/helperEngine.ts';
import { isThere, newService, until } from './serviceUnderTest.ts';

const limits = { timeout: 20_000 };
const engine = { entry: newService().engineEntry!, execArgv: [] };

test('the helper comes with a question, stays for the next, and goes', limits, async () => {
  const helper = new HelperEngine(engine, 300);
  const ask = async (): Promise<number> => (await helper.request(engineApi.ping, {})).pid;
  const [pid, same] = await Promise.all([ask(), ask()]);
  assert.equal(pid, same);
  assert.equal(await ask(), pid);
  await until(() => !isThere(pid));
  const next = await ask();
  assert.notEqual(next, pid);
  await helper.close();
  assert.ok(!isThere(next));
});

test('a helper that was killed is replaced by the next question', limits, async () => {
  const helper = new HelperEngine(engine);
  const { pid } = await helper.request(engineApi.ping, {});
  const hanging = helper.request(engineApi.run, { configPath: '/nowhere/hang' });
  hanging.catch(() => undefined);
  process.kill(pid, 'SIGKILL');
  await assert.rejects(hanging, /SIGKILL/);
  assert.notEqual((await helper.request(engineApi.ping, {})).pid, pid);
  await helper.close();
});

test('an engine that cannot be started is the error of its question', limits, async () => {
  const helper = new HelperEngine({ entry: `${engine.entry}.gone`, execArgv: [] });
  await assert.rejects(helper.request(engineApi.ping, {}), /Cannot find module/);
  await assert.rejects(helper.request(engineApi.ping, {}), /Cannot find module/, 'and again');
  await helper.close();
});
