import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { textBytes, textChunks, textHash } from '../../../src/engine/pipeline/readText.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'read-text-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const path = join(folder, 'text.txt');

function read(file = path): string {
  let text = '';
  for (const chunk of textChunks(file)) text += chunk;
  return text;
}

function checkRefused(file: string, says: RegExp): void {
  for (const use of [read, textHash, textBytes]) {
    assert.throws(
      () => use(file),
      (error) => isEngineError(error, 'text') && says.test(error.message),
    );
  }
}

describe('a text file', () => {
  test('is read in chunks that end between characters, without its byte order mark', () => {
    const text = '今天 🙂 é '.repeat(200_000);
    writeFileSync(path, `\ufeff${text}`);
    assert.equal(read(), text);
    const hash = createHash('sha256').update(`\ufeff${text}`).digest('hex');
    assert.equal(textHash(path), hash);
    assert.equal(textBytes(path), Buffer.byteLength(text) + 3);
  });

  test('may be longer than a string can be', () => {
    writeFileSync(path, 'the hen and an inn');
    truncateSync(path, 560_000_000);
    let length = 0;
    for (const chunk of textChunks(path)) length += chunk.length;
    assert.equal(length, 560_000_000);
    for (const chunk of textChunks(path)) {
      assert.ok(chunk.startsWith('the hen'));
      break;
    }
  });

  test('is refused before it is read when it is too large', () => {
    writeFileSync(path, '');
    truncateSync(path, 1_100_000_000);
    checkRefused(path, /has 1\.10 GB, and at most 1\.00 GB/);
  });

  test('is refused when it is missing or a folder', () => {
    checkRefused(join(folder, 'none.txt'), /There is no text/);
    mkdirSync(join(folder, 'inner'));
    checkRefused(join(folder, 'inner'), /is a folder, not a plain file/);
  });

  test('is refused when its end is not UTF-8', () => {
    for (const bytes of [
      [0x61, 0xff],
      [0x61, 0xe4, 0xbb],
      [0xed, 0xa0, 0x80],
    ]) {
      writeFileSync(path, Uint8Array.from(bytes));
      assert.throws(
        () => read(),
        (error) => isEngineError(error, 'text') && /UTF-8/.test(error.message),
      );
    }
  });

  test('is refused when it is a device or a pipe that nobody writes to', (t) => {
    if (process.platform === 'win32') return t.skip('Windows has neither');
    checkRefused('/dev/zero', /is a device, not a plain file/);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    checkRefused(pipe, /is a named pipe, not a plain file/);
  });
});
