import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, describe, it } from 'node:test';
import { CACHE, cachedFolder } from '../../fetch/cachedFolder.ts';

const NAME = `test-of-the-cache-${process.pid}`;

describe('a folder of the cache', () => {
  after(() => rm(join(CACHE, NAME), { recursive: true, force: true }));

  it('is not there when filling it failed, and can be filled again', async () => {
    const failing = cachedFolder(NAME, async (folder) => {
      await writeFile(join(folder, 'half'), 'x');
      throw new Error('the line was cut');
    });
    await assert.rejects(failing, /the line was cut/);
    assert.ok(!existsSync(join(CACHE, NAME)));
    assert.ok(!existsSync(join(CACHE, `${NAME}.partial`)));
    assert.ok(!existsSync(join(CACHE, `${NAME}.lock`)));
  });

  it('is filled once however many ask for it', async () => {
    let filled = 0;
    const fill = async (folder: string): Promise<void> => {
      filled++;
      await sleep(50);
      await writeFile(join(folder, 'whole'), 'x');
    };
    const folders = await Promise.all([1, 2, 3].map(() => cachedFolder(NAME, fill)));
    assert.equal(filled, 1);
    for (const folder of folders) assert.ok(existsSync(join(folder, 'whole')));
  });

  it('is filled although a process that held it was killed', async () => {
    const name = `${NAME}-held`;
    const ended = 2 ** 22 + 1;
    await writeFile(join(CACHE, `${name}.lock`), String(ended));
    const folder = await cachedFolder(name, (made) => writeFile(join(made, 'whole'), 'x'));
    assert.ok(existsSync(join(folder, 'whole')));
    await rm(folder, { recursive: true });
  });
});
