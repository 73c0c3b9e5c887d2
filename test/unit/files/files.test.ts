import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copyFolder } from '../../../src/files/copyFolder.ts';
import { readChecked, writeChecked } from '../../../src/files/checkedJson.ts';
import { insideFolder, makeFolderInside } from '../../../src/files/insideFolder.ts';
import {
  openPlainHandle,
  readPlain,
  readPlainText,
  type OpenRules,
} from '../../../src/files/plainFile.ts';
import { withRelease, withReleaseAsync } from '../../../src/files/release.ts';
import {
  appendText,
  createFile,
  openToAppend,
  removeTemporaries,
  replaceFile,
  replaceFileBy,
  replaceJson,
} from '../../../src/files/writeFile.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

const refused: OpenRules = { links: 'refused', mostBytes: 1000 };
const followed: OpenRules = { links: 'followed', mostBytes: 1000 };
const unix =
  process.platform === 'win32' ? 'Windows has no named pipes and devices by name' : false;
const linux = process.platform === 'linux' ? false : 'needs the limits of a Linux shell';

describe('a file that somebody else may have made', { timeout: 20_000 }, () => {
  it('is read when it is a plain one, absent when there is none', () => {
    const dir = folder();
    writeFileSync(join(dir, 'a'), '\uFEFFhello');
    assert.equal(readPlainText(join(dir, 'a'), refused), 'hello');
    assert.equal(readPlain(join(dir, 'a'), refused)?.length, 8);
    assert.equal(readPlain(join(dir, 'none'), refused), undefined);
    assert.equal(readPlain(join(dir, 'none', 'deeper'), refused), undefined);
  });

  it(
    'is refused without waiting when it is a pipe, a device, a socket or a folder',
    { skip: unix },
    async () => {
      const dir = folder();
      const pipe = join(dir, 'pipe');
      execFileSync('mkfifo', [pipe]);
      mkdirSync(join(dir, 'folder'));
      symlinkSync('/dev/zero', join(dir, 'endless'));
      symlinkSync(pipe, join(dir, 'piped'));
      for (const [name, found] of [
        ['pipe', 'a named pipe'],
        ['folder', 'a folder'],
        ['endless', 'a device'],
        ['piped', 'a named pipe'],
      ] as const) {
        assert.throws(() => readPlain(join(dir, name), followed), isDisk(found));
        await assert.rejects(openPlainHandle(join(dir, name), followed), isDisk(found));
      }
      assert.throws(() => openToAppend(pipe), isDisk('a named pipe'));
    },
  );

  it('is refused when it is a link where links are refused, else followed', () => {
    const dir = folder();
    writeFileSync(join(dir, 'real'), 'text');
    symlinkSync(join(dir, 'real'), join(dir, 'link'));
    symlinkSync(join(dir, 'nothing'), join(dir, 'dangling'));
    assert.throws(() => readPlain(join(dir, 'link'), refused), isDisk('a link'));
    assert.throws(() => readPlain(join(dir, 'dangling'), refused), isDisk('a link'));
    assert.equal(readPlainText(join(dir, 'link'), followed), 'text');
    assert.equal(readPlainText(join(dir, 'dangling'), followed), undefined);
  });

  it('is refused by its size before any of it is read', () => {
    const path = join(folder(), 'large');
    writeFileSync(path, 'x'.repeat(1001));
    assert.throws(() => readPlain(path, refused), isDisk('one of 1001 bytes'));
  });
});

describe('writing a file', { timeout: 20_000 }, () => {
  it('never writes through a link, whatever names lie there', async () => {
    const dir = folder();
    const victim = join(folder(), 'victim');
    writeFileSync(victim, 'precious');
    const path = join(dir, 'results.json');
    for (const name of ['results.json', 'results.json.tmp', 'results.json.partial']) {
      symlinkSync(victim, join(dir, name));
    }
    replaceFile(path, 'new');
    await replaceFileBy(path, async (handle) => {
      await handle.write('newer');
    });
    assert.equal(readFileSync(path, 'utf8'), 'newer');
    for (const name of ['results.json.tmp', 'results.json.partial']) {
      assert.throws(() => appendText(join(dir, name), 'more'), isDisk('a link'));
      assert.equal(createFile(join(dir, name), 'more'), false);
    }
    assert.equal(readFileSync(victim, 'utf8'), 'precious');
  });

  it(
    'reports a disk that is full by the name of the file, and leaves nothing behind',
    { skip: linux },
    () => {
      const limits = [
        ['16', ''],
        ['0', 'nothing'],
      ] as const;
      for (const [blocks, only] of limits) {
        const dir = folder();
        const names: Record<string, string> = {
          ...{ replaceFile: 'file', replaceFileBy: 'file', createFile: 'new' },
          createRunFolder: join('run', 'config.jsonc'),
          ...(only === '' ? {} : { takeRunLock: join('locked', 'lock.json') }),
        };
        writeFileSync(join(dir, 'file'), 'old');
        const program = join(import.meta.dirname, '..', '..', 'fakes', 'fillDisk.ts');
        const command = `ulimit -f ${blocks}; exec "${process.execPath}" --import tsx "${program}" "${dir}" ${only}`;
        const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
        const reported = JSON.parse(stdout || stderr) as Record<string, unknown>;
        assert.deepEqual(Object.keys(reported).sort(), Object.keys(names).sort());
        for (const [way, name] of Object.entries(names)) {
          const path = join(dir, name);
          assert.deepEqual(
            reported[way],
            {
              ...{ what: path, expected: 'a file that can be read and written' },
              found: 'a file larger than this system allows',
              action: 'Raise the limit (ulimit -f), or export fewer forms.',
              sentence: `${path} would be larger than this system allows a file to be.`,
            },
            way,
          );
        }
        assert.deepEqual(readdirSync(dir).sort(), ['file', 'locked']);
        assert.deepEqual(readdirSync(join(dir, 'locked')), []);
        assert.equal(readFileSync(join(dir, 'file'), 'utf8'), 'old');
      }
    },
  );

  it('takes the longest name there is, and names no temporary file where it takes none', () => {
    const dir = folder();
    replaceFile(join(dir, 'x'.repeat(255)), 'text');
    assert.throws(
      () => replaceFile(join(dir, 'x'.repeat(256)), 'text'),
      (error) => isEngineError(error, 'disk') && !error.message.includes('.tmp'),
    );
  });

  it('says which number it cannot write', () => {
    assert.throws(
      () => replaceJson(join(folder(), 'x'), { a: { b: NaN } }),
      (error) => isEngineError(error, 'numeric') && error.message.includes('"b"'),
    );
  });

  it('removes what a killed writer left, and nothing else', () => {
    const dir = folder();
    const old = new Date(Date.now() - 3_600_000);
    const names = ['.a.json.0123456789abcdef.tmp', '.b.0123456789abcdef.tmp', 'c.tmp', '.d.tmp'];
    for (const name of names) writeFileSync(join(dir, name), '');
    const isShared = (name: string): boolean => name.startsWith('.b.');
    removeTemporaries(dir, isShared);
    assert.deepEqual(readdirSync(dir).sort(), names.slice(1).sort());
    utimesSync(join(dir, names[1]!), old, old);
    removeTemporaries(dir, isShared);
    assert.deepEqual(readdirSync(dir).sort(), names.slice(2).sort());
    removeTemporaries(join(dir, 'nowhere'));
  });
});

describe('a path inside a folder of ours', () => {
  it('has no link on its way, inside or outside', () => {
    const dir = folder();
    const outside = folder();
    mkdirSync(join(dir, 'in'));
    symlinkSync(outside, join(dir, 'out'));
    symlinkSync(join(dir, 'in'), join(dir, 'inner'));
    symlinkSync(join(outside, 'nothing'), join(dir, 'dangling'));
    for (const name of ['../x', '/etc/passwd', 'a/../../x', '', 'a\0b']) {
      assert.throws(() => insideFolder(dir, name), /no path inside it/, name);
    }
    for (const name of ['out', 'out/x', 'inner/x', 'dangling', 'dangling/x']) {
      assert.throws(() => insideFolder(dir, name), /is a link/, name);
      assert.throws(() => makeFolderInside(dir, name), /is a link/, name);
    }
    for (const name of ['in/x', 'new/x', 'a/../b']) {
      assert.ok(insideFolder(dir, name).startsWith(dir), name);
    }
    assert.deepEqual(readdirSync(outside), []);
  });

  it('does not make a folder again that was deleted while it was worked in', () => {
    assert.throws(
      () => makeFolderInside(join(folder(), 'gone'), 'stages'),
      isDisk('no such file or folder'),
    );
  });
});

describe('a copied folder', () => {
  it('holds the same files, and is not written through links', async () => {
    const [source, parent, outside] = [folder(), folder(), folder()];
    mkdirSync(join(source, 'deep'));
    const large = Buffer.alloc(2_500_000, 'abcdefg');
    writeFileSync(join(source, 'deep', 'a'), large);
    writeFileSync(join(source, 'none'), '');
    const rules = { links: 'refused', mostBytes: large.length } as const;
    await copyFolder(source, parent, 'copy', rules);
    assert.deepEqual(readFileSync(join(parent, 'copy', 'deep', 'a')), large);
    assert.equal(readFileSync(join(parent, 'copy', 'none'), 'utf8'), '');
    const tooLarge = copyFolder(source, parent, 'small', { ...rules, mostBytes: 1000 });
    await assert.rejects(tooLarge, isEngineError);
    symlinkSync(outside, join(parent, 'linked'));
    await assert.rejects(copyFolder(source, parent, 'linked', rules), /linked is a link/);
    assert.deepEqual(readdirSync(outside), []);
  });
});

describe('a checked file', () => {
  const format = { field: 'result', head: { stage: 'search' } };

  it('gives back what was written', () => {
    const path = join(folder(), 'search.json');
    assert.deepEqual(readChecked(path, format, 1000), { kind: 'absent' });
    for (const value of [{}, [], null, 'text', 0.1, { b: 1, a: [1e-320, -0, 2 ** 53] }]) {
      writeChecked(path, format, value);
      assert.deepEqual(readChecked(path, format, 1000), {
        kind: 'whole',
        value: JSON.parse(JSON.stringify(value)) as unknown,
      });
    }
  });

  it('is damaged when any of its bytes changed, and whole without a checksum', () => {
    const path = join(folder(), 'search.json');
    writeChecked(path, format, { layers: [1, 2, 3], ratio: 0.25 });
    const text = readFileSync(path, 'utf8');
    for (const damaged of [
      ...[text.replace('0.25', '0.26'), text.slice(0, -9), text.replace('search', 'score'), ''],
      ...['[]', 'null', '{"stage":"search"}', '[['.repeat(100_000)],
    ]) {
      writeFileSync(path, damaged);
      const mostBytes = 1_000_000;
      assert.deepEqual(
        readChecked(path, format, mostBytes),
        { kind: 'damaged' },
        damaged.slice(0, 80),
      );
    }
    writeFileSync(path, '{"stage": "search", "result": {"old": true}}');
    assert.deepEqual(readChecked(path, format, 1000), { kind: 'whole', value: { old: true } });
  });
});

describe('a release', () => {
  const fail = (text: string) => () => {
    throw new Error(text);
  };

  it('never hides the error of the work, and is told when the work went well', async () => {
    assert.throws(() => withRelease(fail('first'), fail('release')), /first/);
    assert.throws(() => withRelease(() => 1, fail('release')), /release/);
    assert.equal(
      withRelease(
        () => 1,
        () => undefined,
      ),
      1,
    );
    const later = (text: string) => () => Promise.reject(new Error(text));
    await assert.rejects(withReleaseAsync(later('first'), later('release')), /first/);
    await assert.rejects(
      withReleaseAsync(() => Promise.resolve(1), later('release')),
      /release/,
    );
  });
});

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'subnet-files-'));
}

function isDisk(found: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isEngineError(error, 'disk'), String(error));
    assert.equal(error.problem.found, found);
    return true;
  };
}
