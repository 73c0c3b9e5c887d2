import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ChildOutput } from '../../../src/server/childOutput.ts';

const reason = "Error: Cannot find module '/somewhere/engine.cjs'";
/** As Node 24 prints it, through a loader: more lines than are kept. */
const trace = [
  'node:internal/modules/cjs/loader:1568',
  '  throw err;',
  '  ^',
  '',
  reason,
  ...Array.from({ length: 14 }, (_, i) => `    at step${i} (node:internal/loader:${i}:19) {`),
  "  code: 'MODULE_NOT_FOUND',",
  '  requireStack: []',
  '}',
  '',
  'Node.js v24.21.0',
];

test('a long stack does not push out the error it belongs to', async () => {
  const lines = await linesOf(trace.map((line) => `${line}\n`));
  assert.deepEqual(lines.slice(0, 2), [reason, '…']);
  assert.equal(lines.at(-1), 'Node.js v24.21.0');
  assert.equal(lines.length, 2 + 12);
});

test('the error is found in any pieces, and the first of several is the reason', async () => {
  const later = 'TypeError [ERR_LATER]: another';
  const whole = [...trace, later, ...trace.slice(5)].join('\r\n');
  for (const size of [1, 7, whole.length]) {
    const pieces = whole.match(new RegExp(`[^]{1,${size}}`, 'g'))!;
    const lines = await linesOf(pieces);
    assert.equal(lines.filter((line) => /Error/.test(line)).join(), reason, `pieces of ${size}`);
  }
});

test('an error among the last lines is not told twice, and words about errors are none', async () => {
  assert.deepEqual(await linesOf(['before\n', `${reason}\n`, '    at x']), [
    'before',
    reason,
    '    at x',
  ]);
  const chatter = Array.from({ length: 20 }, (_, i) => `${i}: 0 Errors, ErrorCount: 0\n`);
  assert.deepEqual(
    await linesOf(chatter),
    chatter.slice(-12).map((line) => line.trim()),
  );
});

async function linesOf(pieces: readonly string[]): Promise<readonly string[]> {
  const output = new ChildOutput();
  const stream = new PassThrough();
  output.follow(stream);
  for (const piece of pieces) stream.write(piece);
  stream.end();
  await new Promise((resolve) => stream.once('end', resolve));
  await turn();
  return output.lastLines();
}
