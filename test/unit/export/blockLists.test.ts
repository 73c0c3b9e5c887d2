import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openSource } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { changed, F32, NO_HEAD } from './candidates.ts';

const fixtures = fileURLToPath(new URL('../../parity/fixtures', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lists-'));
after(() => {
  rmSync(folder, { recursive: true });
});

// transformers refuses a list of another length than the model has blocks, whatever it says.
for (const family of ['qwen2', 'qwen3', 'smollm3', 'gemma2', 'gemma3']) {
  for (const name of readdirSync(join(fixtures, family))) {
    test(`a ${family} without one block lists what the others do: ${name}`, async () => {
      const source = await openSource(join(fixtures, family, name));
      const { layers } = source.shape;
      const subnet = changed(source.shape, (mask, l) =>
        l === 1 ? { heads: mask.heads.map(() => NO_HEAD), mlp: new Uint32Array(0) } : mask,
      );
      const dir = join(folder, family, name);
      await exportCheckpoint(dir, await loadWeights(source), subnet, source, F32);
      const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as Record<
        string,
        unknown
      >;
      assert.equal(config['num_hidden_layers'], layers - 1);
      const lists = Object.entries(config).filter(([, value]) => Array.isArray(value));
      for (const [field, list] of lists) {
        const before = source.config[field];
        if (!Array.isArray(before) || before.length !== layers) continue;
        assert.deepEqual(list, before.toSpliced(1, 1), field);
      }
      const kinds = config['layer_types'];
      assert.ok(Array.isArray(kinds) && kinds.length === layers - 1);
    });
  }
}
