// What a fresh clone needs before it can run: packages and a build. Each is skipped when it is
// there already. Everything is told on stderr, one line a step, so that stdout stays the program's.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const BUILD_STAMP = join(root, 'dist', '.build-stamp');
const PROGRAMS = ['cli.cjs', 'engine.cjs', 'probe.cjs', 'memory.cjs', 'service.cjs', 'webview.js'];
/** What the bundles are made of. */
const BUILD_INPUTS = [
  'src',
  'webview',
  'esbuild.mjs',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
];

/** Makes the checkout ready to run; ends the process with one clear message when it cannot. */
export async function setUp() {
  try {
    checkNode();
    await install();
    await buildPrograms();
  } catch (error) {
    giveUp(error);
  }
}

/** Installs the packages of package-lock.json unless they are what node_modules holds. */
export async function install() {
  if (isInstalled()) return;
  try {
    await step('Installing packages', () =>
      // Development packages build and test; a NODE_ENV of production would leave them out.
      runQuietly(...npm('ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error')),
    );
  } catch (error) {
    const reason = error.message.split('\n').filter((line) => !/^npm error( +at |$)/.test(line));
    throw new Failure(
      `The packages could not be installed. npm says:\n\n${reason.slice(0, 6).join('\n')}\n\n` +
        'Check the network and the registry, then run the same command again; ' +
        '"npm ci" shows all that npm has to say.',
    );
  }
}

/** Builds dist/ unless it was built from these very sources. */
export async function buildPrograms() {
  const hash = hashOfSources();
  const built = PROGRAMS.every((name) => existsSync(join(root, 'dist', name)));
  if (built && readIfThere(BUILD_STAMP) === hash) return;
  await step('Building', () => runQuietly(process.execPath, ['esbuild.mjs']));
  mkdirSync(dirname(BUILD_STAMP), { recursive: true });
  writeFileSync(BUILD_STAMP, hash);
}

/**
 * Does a step and prints one line about it: its name, then how long it took.
 * @param alone  false when other steps go on beside it, so that its line cannot be begun early
 * @returns what the work returns
 */
export async function step(name, work, { alone = true } = {}) {
  const start = performance.now();
  const live = alone && process.stderr.isTTY;
  if (live) process.stderr.write(`${name} …`);
  let ok = false;
  try {
    const result = await work();
    ok = true;
    return result;
  } finally {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stderr.write(`${live ? '\r' : ''}${name} … ${seconds} s${ok ? '' : ', failed'}\n`);
  }
}

/** Runs a program without showing its output; a failure's message is that output. */
export function runQuietly(command, args, { cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      // npm is a command script on Windows, which only a shell can start.
      shell: command === 'npm' && process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => {
      reject(new Failure(`${command} could not be started: ${error.message}`));
    });
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Failure(output.trim() || `${command} ${args.join(' ')} exited with ${code}`));
    });
  });
}

/** Runs a program in the foreground. @returns its exit code; 130 when a signal ended it */
export function runInForeground(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
    // Ctrl-C reaches the child by itself; waiting for its end lets it close its run folder.
    const wait = () => undefined;
    const passOn = () => child.kill('SIGTERM');
    process.on('SIGINT', wait);
    process.on('SIGTERM', passOn);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGINT', wait);
      process.off('SIGTERM', passOn);
      resolve(code ?? 130);
    });
  });
}

/** An expected failure, told without a stack. */
export class Failure extends Error {}

/** Prints why it cannot go on, and ends the process. */
export function giveUp(error) {
  const text = error instanceof Failure ? error.message : (error.stack ?? String(error));
  console.error(`\n${text}`);
  process.exit(1);
}

function checkNode() {
  const { engines } = readJson('package.json');
  const wanted = engines.node.replace('>=', '').split('.').map(Number);
  const found = process.versions.node.split('.').map(Number);
  const older = found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1]);
  if (!older) return;
  throw new Failure(
    `Subnet Studio needs Node ${wanted.join('.')} or newer, this is ${process.versions.node}. ` +
      'Install a current one from https://nodejs.org and try again.',
  );
}

/**
 * True when node_modules holds what package-lock.json names. npm writes its own list last, so an
 * installation that was broken off has none.
 */
function isInstalled() {
  const list = readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (list === null) return false;
  const installed = JSON.parse(list).packages;
  const locked = Object.entries(readJson('package-lock.json').packages);
  return locked.every(([path, { version, integrity, os, cpu, optional }]) => {
    if (path === '') return true;
    const fits = suits(os, process.platform) && suits(cpu, process.arch);
    if (optional && !fits) return true;
    const found = installed[path];
    return found !== undefined && found.version === version && found.integrity === integrity;
  });
}

function suits(wanted, own) {
  return wanted === undefined || wanted.includes(own);
}

/** The npm that started this script, or the one on the path. */
function npm(...args) {
  const own = process.env.npm_execpath;
  if (own !== undefined && /npm-cli\.c?js$/.test(own)) return [process.execPath, [own, ...args]];
  return ['npm', args];
}

function hashOfSources() {
  const hash = createHash('sha256').update(process.versions.node);
  for (const path of BUILD_INPUTS.flatMap(filesUnder)) {
    hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest('hex');
}

function filesUnder(path) {
  let entries;
  try {
    entries = readdirSync(join(root, path), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOTDIR') return [path];
    throw error;
  }
  return entries
    .map(({ name }) => `${path}/${name}`)
    .sort()
    .flatMap(filesUnder);
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await setUp();
