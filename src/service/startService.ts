import { spawn } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { releaseQuietly } from '../files/release.ts';
import { readPlainText } from '../files/plainFile.ts';
import { onDisk, openToAppend } from '../files/writeFile.ts';

/** How to start a service. */
export interface ServiceOptions {
  /** Folder of the service: its record, queue and log. Made when absent; absolute. */
  readonly stateDir: string;
  /** The program: dist/service.cjs. */
  readonly serviceEntry: string;
  /** Node, or Electron, which is told to be Node; absent: that of this process. */
  readonly execPath?: string;
  /** Variables over those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Time without work and clients after which it ends, ms; absent: its own. */
  readonly idleMs?: number;
  /** Time for a connection's first message, ms; absent: its own. */
  readonly helloMs?: number;
  /** Another engine program, for tests; absent: the one beside the service. */
  readonly engineEntry?: string;
}

/** Exit code of a service that finds another one alive. */
export const ANOTHER_LIVES = 3;

const LOG = 'service.log';
/** A log longer than this is set aside before the next start, bytes. */
const MOST_LOG_BYTES = 1_000_000;
/** A log longer than this is not shown: it is set aside at every start. */
const MOST_SHOWN_BYTES = 64_000_000;
/** End of the log that a message shows. */
const SHOWN_LINES = 12;

/** A process that was started to be a service. */
export interface Spawned {
  /** Its exit code once it has ended; null: by a signal, or it could not be started. */
  readonly exit: Promise<number | null>;
}

/**
 * Starts a service process that outlives this one. All it prints goes to service.log.
 * @throws EngineError `disk`
 */
export function spawnService(options: ServiceOptions): Spawned {
  const { stateDir, serviceEntry } = options;
  const log = openLog(stateDir);
  try {
    const child = spawn(
      options.execPath ?? process.execPath,
      [
        ...[serviceEntry, '--state', stateDir],
        ...(options.idleMs === undefined ? [] : ['--idle-ms', String(options.idleMs)]),
        ...(options.helloMs === undefined ? [] : ['--hello-ms', String(options.helloMs)]),
        ...(options.engineEntry === undefined ? [] : ['--engine', options.engineEntry]),
      ],
      {
        detached: true,
        // Its own folder, so that it holds on to nobody's workspace.
        cwd: stateDir,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...options.env, ELECTRON_RUN_AS_NODE: '1' },
        windowsHide: true,
      },
    );
    const exit = new Promise<number | null>((resolve) => {
      child.once('exit', resolve);
      child.once('error', () => {
        resolve(null);
      });
    });
    child.unref();
    return { exit };
  } finally {
    releaseQuietly(() => {
      closeSync(log);
    });
  }
}

/** The last lines of a service's log. */
export function lastLogLines(stateDir: string): readonly string[] {
  try {
    const text = readPlainText(join(stateDir, LOG), {
      links: 'refused',
      mostBytes: MOST_SHOWN_BYTES,
    });
    return (text ?? '').trimEnd().split(/\r?\n/).slice(-SHOWN_LINES);
  } catch {
    return [];
  }
}

function openLog(stateDir: string): number {
  const path = join(stateDir, LOG);
  return onDisk(path, () => {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    if ((lstatSync(path, { throwIfNoEntry: false })?.size ?? 0) > MOST_LOG_BYTES) {
      renameSync(path, `${path}.old`);
    }
    return openToAppend(path, 0o600);
  });
}
