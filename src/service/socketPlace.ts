import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { EngineError } from '../protocol/errors.ts';

/** Bytes of a socket's path: `sun_path` has 104 on macOS, its end included. */
const MOST_BYTES = 103;
const PREFIX = 'subnet-studio-';
const SOCKET = 's';

/**
 * A new place for a socket: a name of a pipe on Windows; elsewhere a path in a new folder that only
 * its user can enter.
 * @throws EngineError `disk` when no folder for it is found
 */
export function newSocketPlace(): string {
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\${PREFIX}${randomBytes(16).toString('hex')}`;
  }
  for (const base of [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp']) {
    if (base === undefined || base === '' || !isWritable(base)) continue;
    // mkdtemp adds six letters.
    if (Buffer.byteLength(join(base, `${PREFIX}XXXXXX`, SOCKET)) > MOST_BYTES) continue;
    return join(mkdtempSync(join(base, PREFIX)), SOCKET);
  }
  throw new EngineError('disk', {
    what: 'The engine service',
    expected: `a writable temporary folder whose path has less than ${MOST_BYTES - 24} bytes`,
    found: tmpdir(),
    action: 'Set TMPDIR to a short path.',
    sentence: `The engine service finds no folder for its socket: ${tmpdir()} is not writable, or its path has ${MOST_BYTES - 24} bytes or more.`,
  });
}

/** Removes a place that {@link newSocketPlace} made; anything else is left alone. Never throws. */
export function removeSocketPlace(path: string): void {
  if (process.platform === 'win32') return;
  const folder = dirname(path);
  if (basename(path) !== SOCKET || !basename(folder).startsWith(PREFIX)) return;
  rmSync(folder, { recursive: true, force: true });
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
