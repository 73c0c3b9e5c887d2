import assert from 'node:assert/strict';

/** Waits until something is true, at most 10 s. */
export async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < until, 'it did not come');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
