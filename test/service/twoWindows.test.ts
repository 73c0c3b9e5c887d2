import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isEngineError } from '../../src/protocol/errors.ts';
import { serviceApi } from '../../src/protocol/serviceApi.ts';
import { newService, open, root, submit } from './serviceUnderTest.ts';

test('two windows that run the same config at once get one run', { timeout: 30_000 }, async () => {
  const options = newService();
  const windows = await Promise.all([open(options), open(options)]);
  const folder = join(root, 'shared folder');
  mkdirSync(folder);
  const configPath = join(folder, 'slow-shared');
  writeFileSync(configPath, '{}');
  const asked = await Promise.allSettled(
    windows.map((window, i) => submit(window, { kind: 'run', configPath }, `window ${i}`)),
  );
  const refused = asked.flatMap((one) =>
    one.status === 'rejected' ? [one.reason as unknown] : [],
  );
  assert.equal(refused.length, 1);
  const [error] = refused;
  assert.ok(isEngineError(error, 'run'));
  assert.match(
    error.message,
    /^window \d: the same work is (waiting in the queue|running) already\./,
  );
  assert.notEqual(error.problem.action, '');
  for (const window of windows) {
    assert.equal((await window.request(serviceApi.jobs, {})).length, 1);
  }
});
