import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { RunReader } from '../../../src/dashboard/reader/runReader.ts';
import { createRunFolder } from '../../../src/engine/runs/runFolder.ts';
import { MOST_UNITS } from '../../../src/protocol/bounds.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { someManifest } from '../../fakes/runManifest.ts';
import { largestAllocation } from '../../fixtures/allocations.ts';
import { mutationsOf, propertyOptions } from '../propertyOptions.ts';

const sizes = {
  ...{ layers: 2, hidden: 8, heads: 2, kvHeads: 1, headDim: 4, qkUnits: 2, intermediate: 6 },
  ...{ vocab: 10, params: 500, blockParams: 300 },
};
const root = mkdtempSync(join(tmpdir(), 'hostile-runs-'));
after(() => {
  rmSync(root, { recursive: true });
});
const run = createRunFolder(
  root,
  someManifest({ id: 'hostile', model: { family: 'x', ...sizes } }),
);
run.append({
  ...{ kind: 'generationFinished', generation: 0, best: 1, median: 1, quartiles: [1, 1] },
  ...{ survivors: ['0'.repeat(16)], ms: 1 },
});
run.close();
const path = join(run.path, 'manifest.json');
const good = JSON.parse(readFileSync(path, 'utf8')) as object;

/** Everything a dashboard asks of a run whose manifest has these sizes. @returns bytes, largest */
async function largestOf(model: object): Promise<number> {
  writeFileSync(path, JSON.stringify({ ...good, model: { family: 'x', ...model } }));
  const questions: ((reader: RunReader) => unknown)[] = [
    (reader) => reader.snapshot(),
    (reader) => reader.frequency(),
    (reader) => reader.importance(),
    (reader) => reader.layerScores(0),
    (reader) => reader.mask({ kind: 'candidate', key: '0'.repeat(16) }),
    (reader) => reader.mask({ kind: 'named', name: 'searched' }),
  ];
  return largestAllocation(() => {
    for (const ask of questions) {
      try {
        ask(new RunReader(run.path));
      } catch (error) {
        if (!isEngineError(error)) throw error;
      }
    }
    return Promise.resolve();
  });
}

describe('a manifest with hostile sizes', () => {
  it('makes a reader allocate no more than a byte for each unit of the largest model', async () => {
    const number = fc.oneof(
      fc.constantFrom(
        0,
        1,
        2,
        4096,
        65_536,
        1 << 20,
        1 << 24,
        2 ** 31,
        2 ** 53,
        1.5,
        -1,
        '7',
        null,
      ),
      fc.integer({ min: 1, max: 1 << 26 }),
    );
    const field = fc.tuple(fc.constantFrom(...Object.keys(sizes)), number);
    const model = fc
      .array(field, { minLength: 1, maxLength: 4 })
      .map((fields): object => Object.fromEntries(fields) as object);
    const check = async (hostile: object): Promise<void> => {
      const largest = await largestOf({ ...sizes, ...hostile });
      assert.ok(largest <= MOST_UNITS + 100_000, `${largest} bytes at once`);
    };
    await fc.assert(fc.asyncProperty(model, check), propertyOptions({ numRuns: mutationsOf(300) }));
  });

  it('is refused as a whole when only the product of its sizes is too large', async () => {
    const model = { ...sizes, layers: 4096, kvHeads: 65_536, headDim: 65_536, qkUnits: 65_536 };
    assert.ok((await largestOf({ ...model, heads: 65_536 })) < 100_000);
    assert.throws(() => new RunReader(run.path), /a model that cannot exist.*prunable units/);
    // Query/key units count by themselves, whatever the width of a head is.
    await largestOf({ ...sizes, layers: 4096, kvHeads: 65_536, qkUnits: 65_536, headDim: 1 });
    assert.throws(() => new RunReader(run.path), /prunable units/);
  });

  it('allocates little for sizes within bounds of which nothing is on disk', async () => {
    const model = { ...sizes, layers: 64, intermediate: 400_000 };
    assert.equal(await largestOf(model), 64 * 400_006);
    rmSync(join(run.path, 'events.jsonl'));
  });
});
