import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { filesUnder, ROOT } from './imports.ts';

const { scripts, dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
  'scripts' | 'dependencies' | 'devDependencies',
  Record<string, string>
>;
const guides = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'];
const pages = [
  ...['docs', 'examples', 'src', 'test'].flatMap(filesUnder),
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
].filter((path) => path.endsWith('.md') && !/(^|\/)(\.subnet|node_modules)\//.test(path));

describe('package.json', () => {
  it('has every script that the pages tell people to run', () => {
    const missing = mentions(/npm run ([\w:-]+)/g).filter(({ name }) => !(name in scripts));
    assert.deepEqual(missing, []);
  });

  it('runs only files that exist', () => {
    const files = Object.values(scripts).flatMap(
      (line) => line.match(/[\w./-]+\.(mjs|ts)\b/g) ?? [],
    );
    assert.deepEqual(
      files.filter((path) => !existsSync(join(ROOT, path))),
      [],
    );
  });

  it('pins every dependency, and an ADR says why each is there', () => {
    const adr = read('docs/adr/0009-dependencies.md');
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
      assert.ok(
        adr.includes(`\`${name}\``),
        `${name} has no line in docs/adr/0009-dependencies.md`,
      );
    }
  });
});

describe('the pages', () => {
  it('name only commands that the command line has', () => {
    const commands = filesUnder('src/cli')
      .flatMap((path) => [...read(path).matchAll(/\.command\('([\w-]+)/g)])
      .map(([, name]) => name);
    assert.ok(commands.length >= 7, `found only ${commands.join(', ')}`);
    const named = mentions(/(?:`|\$ |^)(?:subnet|node dist\/cli\.cjs) ([a-z][\w-]*)/gm);
    const known = new Set([...commands, 'help']);
    assert.deepEqual(
      named.filter(({ name }) => !known.has(name)),
      [],
    );
    const readme = read('README.md');
    for (const name of commands) assert.ok(readme.includes(`subnet ${name}`), `README: ${name}`);
  });

  it('link only to files that exist', () => {
    const dead = pages.flatMap((path) =>
      linksOf(read(path))
        .filter((link) => !existsSync(join(ROOT, dirname(path), link)))
        .map((link) => `${path}: ${link}`),
    );
    assert.deepEqual(dead, []);
  });

  it('name in the code map every folder of the sources', () => {
    const map = read('ARCHITECTURE.md');
    const folders = ['src', 'src/engine']
      .flatMap((parent) =>
        readdirSync(join(ROOT, parent), { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map(({ name }) => `${parent}/${name}`),
      )
      .filter((folder) => !map.includes(`\`${folder}\``));
    assert.deepEqual(folders, []);
  });

  it('name only files and folders of the repository that exist', () => {
    const named = mentions(/`((?:src|test|scripts|docs|examples)\/[\w./-]+)`/g, pages);
    assert.deepEqual(
      // NAME stands for the reader's own in a recipe.
      named.filter(({ name }) => !name.includes('NAME') && !existsSync(join(ROOT, name))),
      [],
    );
  });
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What a pattern's first group finds in the pages, each with its page. */
function mentions(pattern: RegExp, paths = guides): { path: string; name: string }[] {
  return paths.flatMap((path) =>
    [...read(path).matchAll(pattern)].map(([, name]) => ({ path, name: name! })),
  );
}

/** Relative targets of links and images, without their anchors. */
function linksOf(text: string): string[] {
  const prose = text.replace(/^```[^]*?^```/gm, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)];
  return targets
    .map(([, link, attribute]) => (link ?? attribute!).replace(/#.*/, ''))
    .filter((link) => link !== '' && !/^[a-z]+:/.test(link));
}
