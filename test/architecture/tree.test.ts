import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { describe, it } from 'node:test';
import { filesUnder, ROOT } from './imports.ts';

const MOST_LINES = 300;
const CODE = new Set(['.ts', '.mjs']);
const TEXT = new Set([...CODE, '.py', '.json', '.jsonc', '.md', '.yml', '.svg', '']);
/** Begins in a place that only one machine has. */
const MACHINE_PATH = /(?<![\w.~/:-])\/(home|Users|root|work|tmp)\/[\w.]|[A-Z]:\\\\?Users/;
/** Not written by hand. */
const GENERATED = /^(src\/engine\/onnx\/proto\/|test\/.*\/fixtures\/|examples\/tiny-)/;
const FOLDERS = ['src', 'test', 'scripts', 'docs', 'examples', 'media', '.ci', '.vscode'];
const AT_ROOT = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'LICENSE', 'package.json', 'esbuild.mjs'],
  ...['tsconfig.json', 'eslint.config.mjs', '.npmrc', '.gitignore', '.github/workflows/ci.yml'],
];

interface TextFile {
  readonly path: string;
  readonly text: string;
}

const files: readonly TextFile[] = [...FOLDERS.flatMap(filesUnder), ...AT_ROOT]
  .filter((path) => !/(^|\/)(\.subnet|node_modules|__pycache__)\//.test(path))
  .filter((path) => TEXT.has(extname(path)) && !GENERATED.test(path))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
const sources = files.filter(({ path }) => CODE.has(extname(path)));

describe('the tree', () => {
  it(`holds no file of more than ${MOST_LINES} lines of code`, () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: codeLines(text) }))
      .filter(({ lines }) => lines > MOST_LINES);
    assert.deepEqual(long, []);
  });

  it('leaves nothing for later without an issue', () => {
    // Written in two parts, or this line would find itself.
    assert.deepEqual(linesWith(new RegExp(`${'TO'}DO(?! \\(#\\d+\\))|${'FIX'}ME`)), []);
  });

  it('skips no test silently and runs no test alone', () => {
    const words = /\b(it|test|describe)\.(skip|only|todo)\b|\b(only|todo): true\b|\bskip: true\b/;
    const found = linesWith(words).filter((line) => !line.startsWith('test/architecture/tree.'));
    assert.deepEqual(found, []);
  });

  it('names no path of anybody’s machine', () => {
    const found = linesWith(MACHINE_PATH).filter(
      (line) => !line.startsWith('test/architecture/tree.'),
    );
    assert.deepEqual(found, []);
  });

  it('would find a path of a machine and a long file', () => {
    for (const path of ['/home/me/x', "'/tmp/x'", 'in /root/.npm', 'C:\\Users\\me']) {
      assert.match(path, MACHINE_PATH);
    }
    const [home, ...others] = ['home', 'work', 'tmp'];
    const relative = others.flatMap((name) => [`src/${name}/x`, `./${name}/x`]);
    for (const path of [`https://a.org/${home}/x`, ...relative, `/${home}work/x`]) {
      assert.doesNotMatch(path, MACHINE_PATH);
    }
    assert.equal(codeLines('a\n\n// b\n  /* c\n d */\n/** e */\nf // g\n'), 2);
  });

  it('names every test so that test/run.mjs finds it', () => {
    const lost = files
      .filter(({ path, text }) => path.startsWith('test/') && /from 'node:test'/.test(text))
      .filter(({ path }) => !path.endsWith('.test.ts'))
      .filter(({ text }) => /^\s*(it|test|describe)\(/m.test(text))
      .map(({ path }) => path);
    assert.deepEqual(lost, []);
  });
});

function linesWith(pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
  );
}

/** Lines that are neither blank nor comment only. */
function codeLines(text: string): number {
  const withoutBlocks = text.replace(/^\s*\/\*[^]*?\*\/\s*$/gm, '');
  return withoutBlocks.split('\n').filter((line) => !/^\s*(\/\/|$)/.test(line)).length;
}
