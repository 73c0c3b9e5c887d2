// Builds the programs of the product into dist/. Native packages stay outside the bundles.
// Usage: node esbuild.mjs [--watch]
import { existsSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, context } from 'esbuild';
import { bundledTexts } from './scripts/bundledTexts.mjs';

/** What the TypeScript compiler writes before the first line of a module, and what is needed of it. */
const HELPERS =
  /^var __(createBinding|importDefault) = [^]*?(?=^Object\.defineProperty\(exports, "__esModule")/m;
const HELPER = 'const __importStar = (module) => module, __importDefault = __importStar;\n';

const watching = process.argv.includes('--watch');

/** @type {import('esbuild').BuildOptions} */
const shared = {
  bundle: true,
  sourcemap: 'linked',
  logLevel: watching ? 'silent' : 'warning',
  outdir: 'dist',
};

/** @type {import('esbuild').BuildOptions} */
const programs = {
  ...shared,
  entryPoints: [
    { in: 'src/service/main.ts', out: 'service' },
    { in: 'src/cli/main.ts', out: 'cli' },
    { in: 'src/server/main.ts', out: 'engine' },
    { in: 'src/engine/pipeline/probeMain.ts', out: 'probe' },
    { in: 'src/engine/pipeline/memoryMain.ts', out: 'memory' },
    { in: 'src/engine/tokenizer/tokenizerMain.ts', out: 'tokenizer' },
  ].filter(({ in: path }) => existsSync(path)),
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // jsonc-parser's "main" is UMD, whose inner requires no bundler can follow; its "module" is not.
  mainFields: ['module', 'main'],
  define: bundledTexts,
  external: ['onnxruntime-node', 'tokenizers', 'vscode'],
  // Code that runs from source too asks for `__filename` first, and for import.meta only there.
  logOverride: { 'empty-import-meta': 'silent' },
  outExtension: { '.js': '.cjs' },
};

/** Small, because every start of the editor reads it. @type {import('esbuild').BuildOptions} */
const host = {
  ...programs,
  entryPoints: [
    { in: 'src/host/extension.ts', out: 'extension' },
    { in: 'src/host/models/readHeaders.ts', out: 'models' },
  ],
  minify: true,
  plugins: [loadedLater(), slimRpc()],
  // A script of the editor's host asks for another one by "require".
  supported: { 'dynamic-import': false },
  charset: 'utf8',
};

/**
 * One script that every dashboard begins with, and pieces it asks for when they are looked at.
 * @type {import('esbuild').BuildOptions}
 */
const page = {
  ...shared,
  entryPoints: [{ in: 'webview/main.ts', out: 'webview' }],
  platform: 'browser',
  format: 'esm',
  splitting: true,
  chunkNames: 'page/[name]-[hash]',
  target: 'es2022',
  minify: true,
  loader: { '.ttf': 'copy' },
  assetNames: '[name]',
};

// Names of pieces change with what is in them.
rmSync('dist/page', { recursive: true, force: true });
for (const options of [programs, host, page]) {
  if (watching) {
    const watcher = await context({
      ...options,
      plugins: [...(options.plugins ?? []), problemMatcherLines()],
    });
    await watcher.watch();
  } else {
    await build(options);
  }
}

/** Leaves the reading of models where it is asked for: it is a program of its own. */
function loadedLater() {
  return {
    name: 'loaded-later',
    setup(build) {
      build.onResolve({ filter: /\/readHeaders\.ts$/ }, ({ kind }) =>
        kind === 'dynamic-import' ? { path: './models.cjs', external: true } : undefined,
      );
    },
  };
}

/**
 * Takes of the RPC library what the host uses: its index names all of it, so nothing could be left
 * out, and every file of it brings the same helpers along.
 */
function slimRpc() {
  const namespace = 'slim-rpc';
  const library = fileURLToPath(new URL('node_modules/vscode-jsonrpc', import.meta.url));
  const common = (name, from) => `export { ${name} } from './lib/common/${from}.js';`;
  const files = {
    index: `
      import ril from './lib/node/ril.js';
      import { ReadableStreamMessageReader } from './lib/common/messageReader.js';
      import { WriteableStreamMessageWriter } from './lib/common/messageWriter.js';
      ${common('createMessageConnection', 'connection')}
      ${common('ResponseError', 'messages')}
      ${common('CancellationTokenSource', 'cancellation')}
      ${common('AbstractMessageReader', 'messageReader')}
      ${common('AbstractMessageWriter', 'messageWriter')}
      ril.install();
      export class SocketMessageReader extends ReadableStreamMessageReader {
        constructor(socket, encoding = 'utf-8') {
          super(ril().stream.asReadableStream(socket), encoding);
        }
      }
      export class SocketMessageWriter extends WriteableStreamMessageWriter {
        constructor(socket, options) {
          super(ril().stream.asWritableStream(socket), options);
          this.socket = socket;
        }
        dispose() {
          super.dispose();
          this.socket.destroy();
        }
      }`,
    api: [
      common('default as RAL', 'ral'),
      common('Disposable', 'disposable'),
      common('AbstractMessageBuffer', 'messageBuffer'),
    ].join('\n'),
  };
  return {
    name: namespace,
    setup(build) {
      build.onResolve({ filter: /^vscode-jsonrpc(\/node)?$/ }, () => ({
        path: 'index',
        namespace,
      }));
      build.onResolve({ filter: /\/common\/api$/ }, () => ({ path: 'api', namespace }));
      build.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
        contents: files[path],
        resolveDir: library,
      }));
      build.onLoad({ filter: /vscode-jsonrpc[\\/]lib[\\/].*\.js$/ }, async ({ path }) => ({
        contents: (await readFile(path, 'utf8')).replace(HELPERS, HELPER),
      }));
    },
  };
}

/** Prints what the problem matcher of .vscode/tasks.json looks for. */
function problemMatcherLines() {
  return {
    name: 'problem-matcher-lines',
    setup(build) {
      build.onStart(() => {
        console.log('[watch] build started');
      });
      build.onEnd(({ errors }) => {
        for (const { text, location } of errors) {
          console.error(`✘ [ERROR] ${text}`);
          if (location !== null) {
            console.error(`    ${location.file}:${location.line}:${location.column}:`);
          }
        }
        console.log('[watch] build finished');
      });
    },
  };
}
