import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { CodeServerPieces } from './codeServerPieces.ts';

/** What to start VS Code on. */
export interface CodeServerOptions {
  /** The folder that is opened; null opens an empty window. */
  readonly folder: string | null;
  /** Extensions to install before. */
  readonly vsix: readonly string[];
  /** An empty or absent folder for everything that VS Code writes: settings, state, extensions, logs. */
  readonly home: string;
  /** User settings besides those that keep VS Code quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** False starts in Restricted Mode. */
  readonly trusted?: boolean;
  /** Variables of the extension host. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A VS Code that can be opened in a browser. */
export interface CodeServer {
  /** The workbench with its folder open. */
  readonly url: string;
  readonly settingsPath: string;
  /** Everything it wrote on its standard streams. */
  log(): string;
  /** The texts of the log files of VS Code and of the extensions, each under its name. */
  logFiles(): Promise<ReadonlyMap<string, string>>;
  /** Ends the server and its extension hosts, but no process that an extension has detached. */
  stop(): Promise<void>;
  /** Ends it, and starts another on the same folders. */
  restart(): Promise<CodeServer>;
}

const INSTALL_MS = 120_000;
const START_MS = 60_000;
const STOP_MS = 5_000;
/** Nothing that opens by itself, asks, moves or reaches for the network. */
const QUIET = {
  'chat.disableAIFeatures': true,
  'editor.cursorBlinking': 'solid',
  'editor.minimap.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'files.simpleDialog.enable': true,
  'git.enabled': false,
  'security.workspace.trust.banner': 'never',
  'security.workspace.trust.startupPrompt': 'never',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'window.commandCenter': false,
  'window.menuBarVisibility': 'hidden',
  'workbench.reduceMotion': 'on',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
};

/** Installs the extensions and starts VS Code on a free port of 127.0.0.1. */
export async function startCodeServer(
  pieces: Extract<CodeServerPieces, { ok: true }>,
  options: CodeServerOptions,
): Promise<CodeServer> {
  const settingsPath = join(userData(options), 'User', 'settings.json');
  await mkdir(join(userData(options), 'User'), { recursive: true });
  await writeFile(settingsPath, JSON.stringify({ ...QUIET, ...options.settings }, null, 2));
  for (const path of options.vsix) await installExtension(pieces, options, path);
  return launch(pieces, options, settingsPath);
}

async function installExtension(
  pieces: Extract<CodeServerPieces, { ok: true }>,
  options: CodeServerOptions,
  vsix: string,
): Promise<void> {
  const args = [pieces.entry, ...folderArgs(options), '--install-extension', vsix, '--force'];
  const settings = { env: environment(options), timeout: INSTALL_MS, maxBuffer: 1 << 24 };
  const { stdout, stderr } = await promisify(execFile)(pieces.node, args, settings);
  if (!/successfully installed/.test(stdout)) {
    throw new Error(`VS Code did not install ${vsix}:\n${stdout}\n${stderr}`);
  }
}

async function launch(
  pieces: Extract<CodeServerPieces, { ok: true }>,
  options: CodeServerOptions,
  settingsPath: string,
): Promise<CodeServer> {
  const args = [
    ...[pieces.entry, ...folderArgs(options), '--auth', 'none', '--bind-addr', '127.0.0.1:0'],
    ...['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'],
    ...['--disable-proxy', '--reconnection-grace-time', '20', '--ignore-last-opened'],
    ...(options.trusted === false ? [] : ['--disable-workspace-trust']),
  ];
  // A group of its own, so that the whole of it can be ended: the server starts more processes.
  const child = spawn(pieces.node, args, {
    env: environment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const endWithUs = (): void => signal(child, 'SIGKILL');
  // A signal alone would end this process without telling anybody.
  const endBySignal = (): void => process.exit(1);
  process.once('exit', endWithUs).once('SIGTERM', endBySignal).once('SIGINT', endBySignal);
  const stop = async (): Promise<void> => {
    process.off('exit', endWithUs).off('SIGTERM', endBySignal).off('SIGINT', endBySignal);
    await end(child);
  };
  try {
    const address = await addressIn(() => log, child);
    const query = options.folder === null ? '?ew=true' : `?folder=${encodeURI(options.folder)}`;
    return {
      url: `${address}/${query}`,
      settingsPath,
      log: () => log,
      logFiles: () => readLogs(join(userData(options), 'logs')),
      stop,
      restart: async () => {
        await stop();
        return launch(pieces, options, settingsPath);
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address that the server prints once it listens. */
async function addressIn(log: () => string, child: ChildProcess): Promise<string> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const address = /HTTP server listening on (http:\/\/[\d.:]+)/.exec(log())?.[1];
    if (address !== undefined) return address;
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`VS Code ended at its start:\n${log()}`);
    }
    if (performance.now() > deadline) throw new Error(`VS Code did not start:\n${log()}`);
    await sleep(50);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  signal(child, 'SIGTERM');
  await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })]);
  // What is left of the group, extension hosts above all.
  signal(child, 'SIGKILL');
  await ended;
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // The group has ended.
  }
}

function userData(options: CodeServerOptions): string {
  return join(options.home, 'user-data');
}

function folderArgs(options: CodeServerOptions): string[] {
  return [
    ...['--user-data-dir', userData(options)],
    ...['--extensions-dir', join(options.home, 'extensions')],
    ...['--config', join(options.home, 'config.yaml')],
  ];
}

/** Without what npm, the test runner or a surrounding VS Code set for their own children. */
function environment(options: CodeServerOptions): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_|VSCODE_|PASSWORD$|PORT$|ELECTRON_)/.test(name),
  );
  const gallery = JSON.stringify({ serviceUrl: '' });
  return { ...Object.fromEntries(own), EXTENSIONS_GALLERY: gallery, ...options.env };
}

async function readLogs(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const logs = names.filter((name) => name.endsWith('.log')).sort();
  const texts = await Promise.all(
    logs.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  return new Map(texts);
}
