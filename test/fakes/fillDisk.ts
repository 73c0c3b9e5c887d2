import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRunFolder } from '../../src/engine/runs/runFolder.ts';
import { takeRunLock } from '../../src/engine/runs/runLock.ts';
import { createFile, replaceFile, replaceFileBy } from '../../src/files/writeFile.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import { someManifest } from './runManifest.ts';

// Writes more than the shell that started it allows, in every way, and prints what was reported.
const folder = process.argv[2]!;
const path = join(folder, 'file');
const bytes = new Uint8Array(1_000_000);
const text = 'x'.repeat(1_000_000);
const lockFolder = join(folder, 'locked');
mkdirSync(lockFolder);
const ways: Record<string, () => unknown> = {
  replaceFile: () => replaceFile(path, bytes),
  replaceFileBy: () =>
    replaceFileBy(path, async (handle) => {
      await handle.writeFile(bytes);
    }),
  createFile: () => createFile(join(folder, 'new'), text),
  createRunFolder: () => createRunFolder(folder, someManifest({ id: 'run', configText: text })),
};
// A lock is small: it takes a limit of nothing at all.
if (process.argv[3] === 'nothing') ways['takeRunLock'] = () => takeRunLock(lockFolder);
const reported: Record<string, unknown> = {};
for (const [name, write] of Object.entries(ways)) {
  try {
    await write();
  } catch (error) {
    reported[name] = isEngineError(error) ? error.problem : String(error);
  }
}
console.log(JSON.stringify(reported));
