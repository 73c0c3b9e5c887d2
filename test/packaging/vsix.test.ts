import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { HOST_BYTES, PAGE_BYTES } from '../../scripts/package/bundleBudgets.ts';
import { extensionReadme, ROOT, vsixContents } from '../../scripts/package/contents.ts';
import { pageBytes } from '../../scripts/package/pageBytes.ts';
import { OWN_TARGET, TARGETS } from '../../scripts/package/targets.ts';
import { zipFiles, type ZipFile } from './zipFiles.ts';

const run = promisify(execFile);
/** The whole of a VSIX, by what its files may be called. */
const ALLOWED = [
  /^(package\.json|package\.nls\.json|README\.md|CHANGELOG\.md|LICENSE|ThirdPartyNotices\.txt)$/,
  /^dist\/(extension|models|service|engine|probe|memory|tokenizer|cli)\.cjs$/,
  /^dist\/(webview\.(js|css)|page\/[\w-]+\.js|codicon\.(css|ttf))$/,
  /^dist\/node_modules\/onnxruntime-(node|common)\/(package\.json|dist\/[\w/-]+\.(js|json))$/,
  /^dist\/node_modules\/onnxruntime-node\/bin\/napi-v6\/[a-z0-9]+\/[a-z0-9]+\/[\w.]+$/,
  /^dist\/node_modules\/tokenizers\/(package\.json|index\.js|tokenizers\.[\w-]+\.node)$/,
  /^docs\/run-config\.schema\.json$/,
  /^examples\/(tiny-llama\.subnet\.jsonc|(tiny-llama|text)\/[\w.]+)$/,
  /^(media|snippets)\/[\w/@.-]+\.(svg|png|md|json)$/,
];
/** What the installed engine cannot do without. */
const NEEDED = [
  ...['package.json', 'README.md', 'LICENSE', 'dist/extension.cjs', 'dist/models.cjs'],
  'dist/engine.cjs',
  ...['dist/probe.cjs', 'dist/memory.cjs', 'dist/tokenizer.cjs'],
  ...['docs/run-config.schema.json', 'examples/tiny-llama.subnet.jsonc'],
  ...['examples/tiny-llama/model.safetensors', 'examples/text/calibration.txt', 'media/icon.png'],
];

describe('the page of the extension', () => {
  const page = extensionReadme(readFileSync(join(ROOT, 'README.md'), 'utf8'));

  it('shows no picture and no link that it cannot, and names no file that is not there', () => {
    assert.deepEqual(page.match(/\]\((?!https:|#)[^)]*\)|docs\/|npm run/g), null, page);
    for (const text of ['# Subnet Studio', '## In VS Code', '**Use it.**', '**Dry Run**']) {
      assert.ok(page.includes(text), text);
    }
    const rows = page.split('\n').filter((line) => line.startsWith('|'));
    assert.equal(rows.filter((row) => /^[| ]*$/.test(row)).length, 1, 'only the head is blank');
  });

  it('has no pictures packed for it', () => {
    const paths = [...vsixContents(null).keys()];
    assert.deepEqual(
      paths.filter((path) => path.includes('screenshots')),
      [],
    );
  });
});

describe('the contents of a VSIX', () => {
  for (const [target, platform] of TARGETS) {
    const paths = [...vsixContents(platform).keys()].filter((path) => path !== '.vscodeignore');

    it(`for ${target} are what the product needs and nothing else`, () => {
      assert.deepEqual(
        paths.filter((path) => !ALLOWED.some((pattern) => pattern.test(path))),
        [],
      );
      assert.deepEqual(
        NEEDED.filter((path) => !paths.includes(path)),
        [],
      );
    });

    it(`for ${target} have the binaries of that platform only`, () => {
      const binaries = paths.filter((path) => path.includes('/bin/'));
      const tokenizers = paths.filter((path) => path.endsWith('.node') && !binaries.includes(path));
      if (platform === null) return assert.deepEqual([...binaries, ...tokenizers], []);
      assert.equal(tokenizers.length, 1);
      assert.match(tokenizers[0]!, new RegExp(`\\.${platform.platform}-${platform.arch}\\b`));
      assert.ok(existsSync(join(ROOT, tokenizers[0]!.slice('dist/'.length))), tokenizers[0]);
      const folder = `napi-v6/${platform.platform}/${platform.arch}/`;
      assert.ok(binaries.some((path) => path.endsWith(`${folder}onnxruntime_binding.node`)));
      assert.ok(binaries.some((path) => /\/(lib)?onnxruntime\.(so|dll|1\.dylib)/.test(path)));
      assert.deepEqual(
        binaries.filter((path) => !path.includes(folder)),
        [],
      );
    });
  }
});

describe('the bundles', () => {
  for (const [name, file, most, sizeOf] of [
    ['the host', 'extension.cjs', HOST_BYTES, (path: string) => statSync(path).size],
    ['what a dashboard reads first', 'webview.js', PAGE_BYTES, pageBytes],
  ] as const) {
    it(`keep ${name} below ${most / 1000} KB`, (t) => {
      const path = join(ROOT, 'dist', file);
      if (!existsSync(path)) return t.skip(`${file} is not built`);
      const size = sizeOf(path);
      t.diagnostic(`${name}: ${(size / 1000).toFixed(1)} KB`);
      assert.ok(size < most, `${size} bytes`);
    });
  }
});

describe('the VSIX of this platform', () => {
  const target = TARGETS.has(OWN_TARGET) ? OWN_TARGET : 'universal';
  let files: readonly ZipFile[] = [];
  let folder = '';

  before(async () => {
    const script = ['--import', 'tsx', 'scripts/package/main.ts', '--target', target];
    const { stdout } = await run(process.execPath, script, { cwd: ROOT });
    const [path] = stdout.split('  ');
    files = zipFiles(await readFile(join(ROOT, path!)));
    folder = await mkdtemp(join(tmpdir(), 'subnet-vsix-'));
    for (const file of files) {
      await mkdir(dirname(join(folder, file.path)), { recursive: true });
      await writeFile(join(folder, file.path), file.content());
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('holds what was staged for it', (t) => {
    const staged = [...vsixContents(TARGETS.get(target) ?? null).keys()]
      .filter((path) => path !== '.vscodeignore')
      // vsce gives these two the names that the marketplace knows.
      .map((path) => path.replace(/^README\.md$/, 'readme.md').replace(/^LICENSE$/, 'LICENSE.txt'))
      .map((path) => path.replace(/^CHANGELOG\.md$/, 'changelog.md'))
      .map((path) => `extension/${path}`);
    const packed = files.map(({ path }) => path).filter((path) => path.startsWith('extension/'));
    assert.deepEqual(packed.sort(), staged.sort());
    const total = files.reduce((sum, { packedBytes }) => sum + packedBytes, 0);
    t.diagnostic(`${target}: ${files.length} files, ${(total / 1e6).toFixed(1)} MB`);
    for (const { path, bytes, packedBytes } of files.filter((file) => file.bytes > 200_000)) {
      const sizes = [bytes, packedBytes].map((size) => `${(size / 1e6).toFixed(2)} MB`);
      t.diagnostic(`${path} ${sizes.join(', packed ')}`);
    }
  });

  it('names its platform and the oldest VS Code it runs in', () => {
    const text = files
      .find(({ path }) => path === 'extension.vsixmanifest')!
      .content()
      .toString();
    if (target !== 'universal') assert.match(text, new RegExp(`TargetPlatform="${target}"`));
    assert.match(text, /Code\.Engine" Value="\^\d+\.\d+\.0"/);
  });

  it('points at no source map that it does not have', () => {
    const linked = files
      .filter(({ path }) => /\.(cjs|css|js)$/.test(path) && !path.includes('/node_modules/'))
      .filter((file) => file.content().includes('sourceMappingURL='));
    assert.deepEqual(
      linked.map(({ path }) => path),
      [],
    );
  });

  it('finds its own ONNX Runtime and its model once it is unpacked', async (t) => {
    if (target === 'universal') return t.skip(`there is no ONNX Runtime for ${OWN_TARGET}`);
    const installed = join(folder, 'extension');
    const cli = join(installed, 'dist', 'cli.cjs');
    const devices = await run(process.execPath, [cli, 'devices', '--json'], { cwd: folder });
    assert.match(devices.stdout, /"cpu"/);
    const model = join(installed, 'examples', 'tiny-llama');
    const inspected = await run(process.execPath, [cli, 'inspect', model], { cwd: folder });
    assert.match(inspected.stdout, /llama/);
  });
});
