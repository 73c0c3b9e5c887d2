import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tarFiles, unpackTar } from '../../fetch/tarFiles.ts';

describe('files of a tar archive', () => {
  it('have names from the prefix field and from pax headers', () => {
    const long = `${'folder/'.repeat(30)}file.txt`;
    const archive = Buffer.concat([
      entry('short.txt', 'one'),
      entry('file.txt', 'two', { prefix: 'package/deep' }),
      entry('PaxHeader', `${long.length + 10} path=${long}\n`, { kind: 'x' }),
      entry('cut', 'three'),
      entry('folder/', '', { kind: '5' }),
      Buffer.alloc(1024),
    ]);
    assert.deepEqual(
      [...tarFiles(archive)].map(({ path, bytes }) => [path, bytes.toString()]),
      [
        ['short.txt', 'one'],
        ['package/deep/file.txt', 'two'],
        [long, 'three'],
      ],
    );
  });

  it('are written where they belong, and programs can be run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'subnet-tar-'));
    try {
      const archive = Buffer.concat([
        entry('package/bin/tool', '#!', { mode: '0000755' }),
        entry('package/readme', 'text'),
        entry('other', 'left out'),
      ]);
      await unpackTar(archive, folder, (path) =>
        path.startsWith('package/') ? path.slice('package/'.length) : null,
      );
      assert.equal(await readFile(join(folder, 'readme'), 'utf8'), 'text');
      if (process.platform !== 'win32') {
        assert.equal((await stat(join(folder, 'bin', 'tool'))).mode & 0o111, 0o111);
        assert.equal((await stat(join(folder, 'readme'))).mode & 0o111, 0);
      }
      await assert.rejects(stat(join(folder, 'other')));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('do not leave the folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'subnet-tar-'));
    try {
      const archive = entry('../outside', 'x');
      await assert.rejects(
        unpackTar(archive, folder, (path) => path),
        /outside of it/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** One entry: a header of 512 bytes, and the content padded to as many. */
function entry(
  name: string,
  content: string,
  { kind = '0', prefix = '', mode = '0000644' } = {},
): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(mode, 100);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write(kind, 156);
  header.write('ustar', 257);
  header.write(prefix, 345);
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  body.write(content);
  return Buffer.concat([header, body]);
}
