import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Platform } from './targets.ts';
import { thirdPartyNotices } from './thirdPartyNotices.ts';

/** Where a file of the VSIX comes from: a path of the checkout, or a text made for it. */
export type Source = { readonly path: string } | { readonly text: string };

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const PROGRAMS = [
  'extension.cjs',
  'models.cjs',
  'service.cjs',
  'engine.cjs',
  'probe.cjs',
  'memory.cjs',
  'tokenizer.cjs',
  'cli.cjs',
];
const PAGE = ['webview.js', 'webview.css', 'codicon.css', 'codicon.ttf'];
/** Pieces of the dashboard that are read when they are looked at. */
const PIECES = 'dist/page';
/** Copied as they are when they exist; folders with all that is in them. */
const WHOLE = [
  ...['CHANGELOG.md', 'LICENSE', 'package.nls.json', 'media', '.vscodeignore', 'snippets'],
  ...['docs/run-config.schema.json', 'examples/tiny-llama.subnet.jsonc', 'examples/tiny-llama'],
  ...['examples/text'],
];
/** Sources of other pictures, and pictures that only the repository's page shows. */
const LEFT_OUT = ['media/icon.svg', 'media/pipeline.svg', 'media/screenshots'];
/** Means nothing to an installed extension. */
const DEVELOPMENT = ['private', 'scripts', 'bin', 'dependencies', 'devDependencies', 'overrides'];
/** The engine looks for packages beside itself; vsce leaves a node_modules at the root out. */
const PACKAGES = 'dist/node_modules';

/**
 * What the VSIX of a platform holds, and nothing else.
 * @param platform  null leaves the native libraries out
 * @returns the source of each file under its path in the extension
 */
export function vsixContents(platform: Platform | null): Map<string, Source> {
  const contents = new Map<string, Source>();
  for (const path of WHOLE.flatMap(filesAt)) contents.set(path, { path });
  const pieces = filesAt(PIECES).filter((path) => path.endsWith('.js'));
  const bundles = [
    ...PROGRAMS,
    ...PAGE,
    ...pieces.map((path) => path.slice('dist/'.length)),
  ].filter((name) => existsSync(join(ROOT, 'dist', name)));
  for (const name of bundles) {
    const path = `dist/${name}`;
    contents.set(path, name.endsWith('.ttf') ? { path } : { text: withoutMapLink(path) });
  }
  if (platform !== null) {
    addRuntime(contents, platform);
    addTokenizers(contents, platform);
  }
  contents.set('package.json', { text: manifest('package.json') });
  contents.set('README.md', { text: extensionReadme(read('README.md')) });
  contents.set('ThirdPartyNotices.txt', { text: thirdPartyNotices(bundles, platform !== null) });
  return contents;
}

/** ONNX Runtime with the binaries of one platform; those of one are some 45 MB. */
function addRuntime(contents: Map<string, Source>, { platform, arch }: Platform): void {
  const binaries = `bin/napi-v6/${platform}/${arch}`;
  // macOS has the same library under two names; the binding asks for the shorter.
  const isTwin = (path: string): boolean => /\.1\.\d+\.\d+\.dylib$/.test(path);
  for (const [name, parts] of [
    ['onnxruntime-node', ['dist', binaries]],
    ['onnxruntime-common', ['dist/cjs']],
  ] as const) {
    const from = `node_modules/${name}`;
    const files = parts
      .flatMap((part) => filesAt(`${from}/${part}`))
      .filter((path) => path.includes('/bin/') || /(\.js|package\.json)$/.test(path));
    for (const path of files.filter((file) => !isTwin(file))) {
      contents.set(`dist/${path}`, { path });
    }
    contents.set(`${PACKAGES}/${name}/package.json`, { text: manifest(`${from}/package.json`) });
  }
}

/** The tokenizers library with the binary of one platform; the package has those of thirteen. */
function addTokenizers(contents: Map<string, Source>, { platform, arch }: Platform): void {
  const from = 'node_modules/tokenizers';
  const toolchain = { linux: '-gnu', win32: '-msvc' }[platform] ?? '';
  for (const name of ['index.js', `tokenizers.${platform}-${arch}${toolchain}.node`]) {
    contents.set(`${PACKAGES}/tokenizers/${name}`, { path: `${from}/${name}` });
  }
  contents.set(`${PACKAGES}/tokenizers/package.json`, { text: manifest(`${from}/package.json`) });
}

/** Paths of the checkout: of a file itself, of a folder all that is in it, sorted. */
function filesAt(path: string): string[] {
  const absolute = join(ROOT, path);
  if (!existsSync(absolute) || LEFT_OUT.includes(path)) return [];
  if (statSync(absolute).isFile()) return [path];
  return readdirSync(absolute)
    .filter((name) => name !== '.subnet' && name !== '.DS_Store')
    .sort()
    .flatMap((name) => filesAt(`${path}/${name}`));
}

function manifest(path: string): string {
  const all = JSON.parse(read(path)) as Record<string, unknown>;
  const kept = Object.entries(all).filter(([key]) => !DEVELOPMENT.includes(key));
  return `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`;
}

/** The source maps stay at home, so nothing should look for them. */
function withoutMapLink(path: string): string {
  return read(path).replace(/\n(\/\/|\/\*)# sourceMappingURL=\S+( \*\/)?\s*$/, '\n');
}

/**
 * The page of an installed extension: what the product is, and what it does in the editor. It can
 * neither show pictures of the package nor open its files, so pictures are left out, links become
 * their text, and a paragraph that sends the reader to docs/ goes.
 * @param readme  that of the repository
 */
export function extensionReadme(readme: string): string {
  const [start = '', ...sections] = readme.split(/^(?=## )/m);
  const [introduction = ''] = start.split(/^```/m);
  const editor = sections.filter((section) => section.startsWith('## In VS Code\n'));
  return [introduction, ...editor]
    .join('')
    .split('\n\n')
    .filter((paragraph) => !/\]\(docs\//.test(paragraph))
    .join('\n\n')
    .replaceAll(/!\[[^\]]*\]\((?!https:)[^)]*\)/g, '')
    .replaceAll(/\[([^\]]+)\]\((?!https:|#)[^)]*\)/g, '$1')
    .replaceAll(/^\|[ |]*\|\n(?!\| *-)/gm, '')
    .replaceAll(/\n{3,}/g, '\n\n');
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
