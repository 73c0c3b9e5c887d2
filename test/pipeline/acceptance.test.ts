import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Figures } from '../../src/protocol/runRecord.ts';
import { start, temporaryFolder } from './inProcess.ts';

// What the product promises, on the bundled models: half a minute a seed on two cores. The ordinary
// suite tries one seed; ACCEPTANCE=all tries three and the second family.

const all = process.env['ACCEPTANCE'] === 'all';
const folder = temporaryFolder();

for (const seed of all ? [0, 1, 2] : [0]) {
  test(`tiny-llama at ratio 0.7, seed ${seed}: each step of the method helps`, async (t) => {
    const figures = await figuresOf('tiny-llama', seed);
    t.diagnostic(told(figures));
    const { dense, random, initialised, searched, reformed } = figures;
    const row = [dense, reformed, searched, initialised, random].map((one) => one!.perplexity);
    assert.deepEqual(
      row,
      row.toSorted((a, b) => a - b),
      'dense < reformed < searched < initialised < random',
    );
    assert.equal(new Set(row).size, row.length);
    const excess = (one: typeof dense): number => one!.perplexity - dense!.perplexity;
    assert.ok(excess(reformed) <= excess(searched) / 2, 'reformation halves the excess');
    for (const one of [random, initialised, searched, reformed]) {
      assert.equal(one!.blockParams, reformed!.blockParams, 'at equal parameters');
      assert.ok(one!.blockParams <= 0.7 * dense!.blockParams);
      assert.ok(one!.blockParams > 0.699 * dense!.blockParams);
    }
  });
}

test(
  'tiny-opt at ratio 0.7: the search and the reformation help the second family too',
  { skip: all ? false : 'set ACCEPTANCE=all' },
  async (t) => {
    const figures = await figuresOf('tiny-opt', 0);
    t.diagnostic(told(figures));
    const { dense, random, initialised, searched, reformed } = figures;
    assert.ok(reformed!.perplexity < searched!.perplexity);
    assert.ok(searched!.perplexity < initialised!.perplexity);
    assert.ok(searched!.perplexity < random!.perplexity);
    const excess = (one: typeof dense): number => one!.perplexity - dense!.perplexity;
    assert.ok(excess(reformed) <= excess(searched) / 2, 'reformation halves the excess');
  },
);

/** Runs an example's config and checks that its exports are those of the figures. */
async function figuresOf(example: string, seed: number): Promise<Figures> {
  const config = new URL(`../../examples/${example}.subnet.jsonc`, import.meta.url);
  const overrides = { seed, device: 'cpu', out: join(folder, `${example}-${seed}`) } as const;
  const { figures, exports } = await start(fileURLToPath(config), { overrides });
  assert.deepEqual(
    exports.map(({ form }) => form),
    ['subnet', 'checkpoint', 'onnx'],
  );
  for (const { form, verified } of exports) {
    if (form === 'subnet') continue;
    assert.ok(verified!.maxDifference <= verified!.tolerance, form);
    assert.ok(verified!.tokens >= 64, form);
  }
  return figures;
}

function told(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, figure]) => `${name} ${figure?.perplexity.toFixed(4)} (${figure?.blockParams})`)
    .join(', ');
}
