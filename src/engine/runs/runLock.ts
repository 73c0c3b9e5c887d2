import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { insideFolder } from '../../files/insideFolder.ts';
import { readPlainText } from '../../files/plainFile.ts';
import { releaseQuietly } from '../../files/release.ts';
import { createFile, onDisk, touchFile, underName } from '../../files/writeFile.ts';
import { acceptsValue } from '../../protocol/acceptsValue.ts';
import { EngineError } from '../../protocol/errors.ts';
import { isLiving, processSpace, startOf } from './processIdentity.ts';

/** Name of the lock in a run folder. */
export const LOCK = 'lock.json';
/** A lock takes some 200 bytes. */
const MOST_BYTES = 4096;
/** Tries against other processes that take over the same stale lock. */
const TRIES = 40;
/** Pause between two tries, ms. */
const PAUSE_MS = 25;
/** The owner shows a sign of life this often, ms. */
const BEAT_MS = 20_000;
/**
 * Time without a sign of life after which an owner that cannot be looked up counts as gone, ms.
 * Three times the longest native call, which no sign of life can interrupt.
 */
const LEASE_MS = 180_000;
/** Time after which a half-done takeover counts as abandoned, ms. */
const TAKEOVER_MS = 10_000;

const ownerSchema = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  /** When that process began, in the system's own words; null when the system does not tell. */
  started: Type.Union([Type.String(), Type.Null()]),
  host: Type.String(),
  /** Where the number means something; see `processSpace`. Absent in locks of older versions. */
  space: Type.Optional(Type.String()),
  /** Tells this hold from every other one of the same process. */
  hold: Type.Optional(Type.String()),
});
type Owner = Static<typeof ownerSchema>;

/** Hold on a run folder: one process writes it at a time. */
export interface RunLock {
  /**
   * Makes sure that the folder is there and still held.
   * @throws EngineError `run` when it was deleted or moved, or another process has taken over
   */
  expectHeld(): void;
  /** Releases the folder. Never throws. */
  release(): void;
}

/**
 * Takes hold of a run folder. The lock of a process that no longer runs is taken over: one of this
 * machine at once, one that cannot be looked up (another machine or container) three minutes after its
 * last sign of life.
 * @throws EngineError `run` when a living process holds it, `disk`
 */
export function takeRunLock(folder: string): RunLock {
  const path = join(folder, LOCK);
  const own: Owner = {
    pid: process.pid,
    started: startOf(process.pid),
    host: hostname(),
    space: processSpace(),
    hold: randomBytes(8).toString('hex'),
  };
  const text = JSON.stringify(own);
  const mine = join(folder, `.${LOCK}.${own.hold}.tmp`);
  if (!underName(mine, path, () => createFile(mine, text))) throw inUse(folder, undefined);
  try {
    for (let i = 0; i < TRIES; i++) {
      if (i > 0) pause();
      const seen = readLock(folder);
      if (seen === undefined ? tryLink(mine, path) : tryTakeOver(folder, mine, seen)) {
        if (readLock(folder)?.text === text) return heldLock(folder, text);
      }
    }
  } finally {
    releaseQuietly(() => {
      rmSync(mine, { force: true });
    });
  }
  throw inUse(folder, undefined);
}

/** True while a living process holds the run folder. Never throws. */
export function isRunLocked(folder: string): boolean {
  const seen = readLock(folder);
  return seen?.owner !== undefined && isAlive(seen, seen.owner, Date.now());
}

/** What lies under the lock's name. */
interface SeenLock {
  readonly text: string;
  /** Undefined when it is damaged, or no file of ours. */
  readonly owner: Owner | undefined;
  /** Last sign of life, milliseconds since 1970. */
  readonly beatMs: number;
}

function heldLock(folder: string, text: string): RunLock {
  const path = join(folder, LOCK);
  const beat = setInterval(() => {
    releaseQuietly(() => {
      if (readLock(folder)?.text === text) touchFile(path, text);
    });
  }, BEAT_MS);
  beat.unref();
  return {
    expectHeld: () => {
      const seen = readLock(folder);
      if (seen?.text !== text) throw lost(folder, seen);
    },
    release: () => {
      clearInterval(beat);
      releaseQuietly(() => {
        if (readLock(folder)?.text === text) rmSync(path, { force: true });
      });
    },
  };
}

/** A hard link appears whole or not at all, and fails when the name is taken. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    // Some file systems have no hard links; an exclusive create is the next best.
    const text = readPlainText(from, { links: 'refused', mostBytes: MOST_BYTES });
    return text !== undefined && createFile(to, text);
  }
}

/**
 * Puts our lock in the place of a stale one, unless it is no longer the one that was seen. One
 * process does so at a time, so that none replaces the lock of another one that was quicker.
 * @throws EngineError `run` when its owner lives
 */
function tryTakeOver(folder: string, mine: string, seen: SeenLock): boolean {
  const path = join(folder, LOCK);
  // By the clock of the disk, which another machine's signs of life were written by as well.
  const nowMs = lstatSync(mine, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  if (seen.owner !== undefined && isAlive(seen, seen.owner, nowMs)) throw inUse(folder, seen);
  const guard = `${path}.takeover`;
  if (!underName(guard, path, () => createFile(guard, String(process.pid)))) {
    const madeMs = lstatSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? nowMs;
    if (Math.max(nowMs, Date.now()) - madeMs > TAKEOVER_MS) rmSync(guard, { force: true });
    return false;
  }
  try {
    if (readLock(folder)?.text !== seen.text) return false;
    onDisk(path, () => {
      renameSync(mine, path);
    });
    return true;
  } finally {
    releaseQuietly(() => {
      rmSync(guard, { force: true });
    });
  }
}

/** Undefined when there is none. Never throws. */
function readLock(folder: string): SeenLock | undefined {
  try {
    const path = insideFolder(folder, LOCK);
    const text = readPlainText(path, { links: 'refused', mostBytes: MOST_BYTES });
    if (text === undefined) return undefined;
    const value = parsed(text);
    const beatMs = lstatSync(path).mtimeMs;
    return { text, owner: acceptsValue(ownerSchema, value) ? value : undefined, beatMs };
  } catch {
    return { text: '', owner: undefined, beatMs: 0 };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Where the owner can be looked up, its process decides. Elsewhere its signs of life do; older
 * versions gave none, so their locks are believed.
 */
function isAlive({ beatMs }: SeenLock, owner: Owner, nowMs: number): boolean {
  const { host, space } = owner;
  if (space === undefined) return host !== hostname() || isLiving(owner);
  return space === processSpace() ? isLiving(owner) : nowMs - beatMs < LEASE_MS;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}

function inUse(folder: string, seen: SeenLock | undefined): EngineError {
  const { owner, beatMs } = seen ?? {};
  const elsewhere =
    owner !== undefined &&
    (owner.space === undefined ? owner.host !== hostname() : owner.space !== processSpace());
  const action = !elsewhere
    ? 'Wait for it, or stop that process first.'
    : owner.space === undefined
      ? `Wait for it, or delete ${LOCK} there if that machine has stopped.`
      : `Wait for it. If it has stopped, the folder is free at ${timeOf((beatMs ?? 0) + LEASE_MS)}; ` +
        `to continue at once, delete ${LOCK} there.`;
  return new EngineError('run', {
    what: folder,
    expected: 'a run that nobody else is working on',
    found: `${ownerText(owner, elsewhere)} working on it`,
    action,
    sentence: `${folder} is in use by ${ownerText(owner, elsewhere)}.`,
  });
}

function ownerText(owner: Owner | undefined, elsewhere: boolean): string {
  if (owner === undefined) return 'another process';
  return `process ${owner.pid}${elsewhere ? ` on ${owner.host}` : ''}`;
}

function lost(folder: string, seen: SeenLock | undefined): EngineError {
  return new EngineError('run', {
    what: folder,
    expected: 'the folder that this process works in',
    found: seen === undefined ? 'it deleted, moved or released' : 'another process working in it',
    sentence:
      seen === undefined
        ? `The run folder ${folder} was deleted, moved or released during the run.`
        : `Another process has taken over the run folder ${folder}.`,
    action:
      seen === undefined
        ? 'Nothing more is written. Restore the folder and resume the run, or start a new one.'
        : 'Nothing more is written by this process; follow the other one.',
  });
}

function timeOf(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB');
}
