import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, test } from 'node:test';
import type { ExportReport } from '../../src/protocol/runRecord.ts';
import { temporaryFolder } from './inProcess.ts';

const root = join(import.meta.dirname, '..', '..');
const FAMILIES = 'src/engine/checkpoint/families';
/** A copy of the sources, changed as CONTRIBUTING says. */
const copy = temporaryFolder();

before(() => {
  for (const part of ['src', 'test/fixtures', 'test/pipeline', 'package.json']) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const toy = readFileSync(join(root, 'test/fixtures/toyFamily/toy.ts'), 'utf8')
    .replaceAll('../../../src/engine/checkpoint/families/', './')
    .replaceAll('../../../src/engine/checkpoint/', '../')
    .replaceAll('../../../src/engine/', '../../');
  writeFileSync(join(copy, FAMILIES, 'toy.ts'), toy);
  const registry = join(copy, FAMILIES, 'registry.ts');
  const known = readFileSync(registry, 'utf8');
  const grown = known
    .replace("import { opt } from './opt.ts';", "$&\nimport { toy } from './toy.ts';")
    .replace(/(export const FAMILIES[^=]*= \[)/, '$1toy, ');
  writeFileSync(registry, grown);
});

test('a new family takes at most four files, which the recipe names', () => {
  const changed = readdirSync(join(copy, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => textOf(join(copy, 'src', path)) !== textOf(join(root, 'src', path)));
  assert.deepEqual(changed.map((path) => basename(path)).sort(), ['registry.ts', 'toy.ts']);
  const recipe = /\*\*Add a model family\.\*\*.*?\n\n/s.exec(
    textOf(join(root, 'CONTRIBUTING.md')),
  )![0];
  for (const file of [`${FAMILIES}/NAME.ts`, `${FAMILIES}/registry.ts`]) {
    assert.ok(recipe.includes(file), `${file} in the recipe`);
  }
});

test('it is run from import to verified exports', () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'test/fixtures/toyFamily/main.ts', join(copy, 'run')],
    { cwd: copy, encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const found = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    readonly family: string;
    readonly unused: readonly string[];
    readonly exports: readonly ExportReport[];
  };
  assert.equal(found.family, 'toy');
  assert.deepEqual(found.unused, []);
  assert.deepEqual(
    found.exports.map(({ form }) => form),
    ['subnet', 'checkpoint', 'onnx'],
  );
  for (const { form, verified } of found.exports) {
    if (form !== 'subnet') assert.ok(verified!.maxDifference <= verified!.tolerance);
  }
});

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
