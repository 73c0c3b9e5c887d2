import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join, parse, resolve } from 'node:path';
import { test } from 'node:test';
import { portablePath, resolvePortable } from '../../../src/engine/export/portablePath.ts';

const { root } = parse(resolve('.'));
const project = join(root, 'data', 'project');

test('a path is relative where both lie in a folder that can be moved', () => {
  const written = portablePath(join(project, 'exports', 'a'), join(project, 'models', 'b'));
  assert.equal(written, '../../models/b');
  assert.equal(portablePath(project, join(root, 'data', 'models', 'b')), '../models/b');
  assert.equal(portablePath(project, project), '.');
  assert.equal(portablePath(project, '../models/b'), '../models/b');
});

test('a path is absolute where only a disk or a home folder holds both', () => {
  for (const model of [join(root, 'models', 'b'), join(homedir(), '.cache', 'b')]) {
    for (const folder of [join(project, 'exports'), join(homedir(), 'project', 'exports')]) {
      assert.equal(portablePath(folder, model), model.replaceAll('\\', '/'));
    }
  }
});

test('what was written is read back, and absolute paths of older files too', () => {
  const [folder, model] = [join(project, 'exports', 'a'), join(project, 'models', 'b')];
  assert.equal(resolvePortable(folder, portablePath(folder, model)), model);
  assert.equal(resolvePortable(folder, model), model);
  const moved = join(root, 'elsewhere', 'exports', 'a');
  assert.equal(
    resolvePortable(moved, portablePath(folder, model)),
    join(root, 'elsewhere', 'models', 'b'),
  );
});
