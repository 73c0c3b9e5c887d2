import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

// ONNX Runtime's telemetry client leaves an id and a queue in the home folder and a log in the
// temporary one before it looks up its collector. The real programs are started in empty folders.
const root = join(import.meta.dirname, '..', '..');
const cli = join(root, 'dist', 'cli.cjs');
const limits = {
  timeout: 120_000,
  skip: process.platform === 'linux' ? false : 'where the client keeps its files was seen on Linux',
};

describe('ONNX Runtime', () => {
  it(
    'keeps and queues facts of the machine when nobody stops it: the files below are its own',
    limits,
    () => {
      const left = filesLeftBy(['--import', 'tsx', join(root, 'test', 'fakes', 'bareSession.ts')]);
      assert.ok(
        left.some((path) => path.includes('.onnxruntime')),
        left.join('\n'),
      );
    },
  );

  it('leaves nothing behind in the engine, the probe and the command line', limits, () => {
    assert.ok(existsSync(cli), 'dist/cli.cjs is missing: npm run build makes it');
    assert.deepEqual(filesLeftBy([cli, 'devices']), []);
    const model = join(root, 'examples', 'tiny-llama');
    const text = join(root, 'examples', 'text', 'heldout.txt');
    const evaluate = ['evaluate', model, '--text', text, '--context', '64', '--max-windows', '1'];
    assert.deepEqual(filesLeftBy([cli, ...evaluate]), []);
    const dryRun = ['inspect', model];
    assert.deepEqual(filesLeftBy([cli, ...dryRun]), []);
  });
});

/** Runs a program of Node and returns what it left in its home and temporary folders. */
function filesLeftBy(args: readonly string[]): string[] {
  const place = mkdtempSync(join(tmpdir(), 'subnet-silent-'));
  const folders = { HOME: join(place, 'home'), TMPDIR: join(place, 'tmp') };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    // ONNX Runtime looks for the variables of CI systems: where it finds one, it sends nothing.
    env: { PATH: process.env['PATH'], ...folders },
  });
  assert.equal(status, 0, stderr);
  return Object.values(folders).flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      // The loader that runs sources keeps what it compiled.
      .filter((path) => !path.includes('tsx-')),
  );
}
