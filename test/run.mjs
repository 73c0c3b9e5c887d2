// Finds the test files and runs them with node's test runner through tsx.
// Usage: node test/run.mjs [--update-golden] [--acceptance-all] [part of a path …]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { bundledTexts } from '../scripts/bundledTexts.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));
const words = process.argv.slice(2);
const wanted = words.filter((word) => !word.startsWith('--'));
const env = {
  ...process.env,
  ...(words.includes('--update-golden') ? { UPDATE_GOLDEN: '1' } : {}),
  ...(words.includes('--acceptance-all') ? { ACCEPTANCE: 'all' } : {}),
};
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.test.ts'))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  // The longest first, so that nothing waits for it at the end.
  .sort((a, b) => isLong(b) - isLong(a) || (a < b ? -1 : 1))
  .map((path) => join(root, path));
if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(', ')}.`);
  process.exit(1);
}
// The default differs between versions of Node; a log is read by CI, a terminal by people.
const reporter = process.stdout.isTTY ? 'spec' : 'tap';
const scratch = mkdtempSync(join(tmpdir(), 'subnet-tests-'));
const failed = join(scratch, 'failed.txt');
env.SUBNET_PROGRAMS = bundlePrograms(join(scratch, 'programs'));
const { status } = spawnSync(
  process.execPath,
  [
    ...['--import', 'tsx', '--test', '--test-concurrency=2'],
    ...[`--test-reporter=${reporter}`, '--test-reporter-destination=stdout'],
    ...['--test-reporter=./test/failedNames.mjs', `--test-reporter-destination=${failed}`],
    ...files,
  ],
  { cwd: join(root, '..'), env, stdio: 'inherit' },
);
const names = readFileSync(failed, 'utf8').replaceAll(join(root, '..', '/'), '');
rmSync(scratch, { recursive: true });
if (names !== '') console.error(`Failed:\n${names}`);
process.exit(status ?? 1);

function isLong(path) {
  return Number(path.startsWith('vscode/'));
}

/** Bundles the programs that the engine forks. @returns their folder */
function bundlePrograms(outdir) {
  const sources = join(root, '..', 'src', 'engine');
  buildSync({
    entryPoints: [
      { in: join(sources, 'pipeline', 'probeMain.ts'), out: 'probe' },
      { in: join(sources, 'pipeline', 'memoryMain.ts'), out: 'memory' },
      { in: join(sources, 'tokenizer', 'tokenizerMain.ts'), out: 'tokenizer' },
    ],
    ...{ outdir, outExtension: { '.js': '.cjs' }, bundle: true, platform: 'node', format: 'cjs' },
    ...{ target: 'node20', mainFields: ['module', 'main'], define: bundledTexts },
    ...{ external: ['onnxruntime-node', 'tokenizers'], logLevel: 'error' },
  });
  // Native packages are looked for beside the programs.
  symlinkSync(join(root, '..', 'node_modules'), join(outdir, 'node_modules'), 'junction');
  return outdir;
}
