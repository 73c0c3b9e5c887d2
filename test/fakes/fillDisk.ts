import { replaceFile, replaceFileBy } from '../../src/files/writeFile.ts';
import { isEngineError } from '../../src/protocol/errors.ts';

// Writes more than the shell that started it allows, in both ways, and prints what was reported.
const path = process.argv[2]!;
const bytes = new Uint8Array(1_000_000);
const reported: Record<string, string> = {};
try {
  replaceFile(path, bytes);
} catch (error) {
  reported['replaceFile'] = foundIn(error);
}
try {
  await replaceFileBy(path, async (handle) => {
    await handle.writeFile(bytes);
  });
} catch (error) {
  reported['replaceFileBy'] = foundIn(error);
}
console.log(JSON.stringify(reported));

function foundIn(error: unknown): string {
  return isEngineError(error) ? error.problem.found : String(error);
}
