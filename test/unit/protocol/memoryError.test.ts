import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { memoryError } from '../../../src/protocol/memoryError.ts';

test('an allocation that fails is no bug: it says what is missing and what to do', () => {
  let thrown: unknown;
  try {
    // More than V8 gives to anybody.
    new ArrayBuffer(Number.MAX_SAFE_INTEGER);
  } catch (error) {
    thrown = error;
  }
  const shown = memoryError(thrown);
  assert.ok(isEngineError(shown, 'memory'), String(thrown));
  assert.match(shown.message, /^There is not enough memory for this work\. Close other programs/);
  const native = memoryError(new Error('Failed to allocate memory for requested buffer of size 7'));
  assert.ok(isEngineError(native, 'memory'));
});

test('other errors stay what they are', () => {
  for (const error of [new RangeError('Invalid typed array length: -1'), new Error('x'), 'text']) {
    assert.equal(memoryError(error), error);
  }
});
