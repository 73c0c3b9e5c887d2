import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { acceptsValue } from '../../protocol/acceptsValue.ts';
import { EngineError } from '../../protocol/errors.ts';
import { onDisk } from './atomicWrite.ts';
import { isLiving, startOf } from './processIdentity.ts';

const LOCK = 'lock.json';
/** Tries against other processes that take over the same stale lock. */
const TRIES = 8;

const ownerSchema = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  /** When that process began, in the system's own words; null when the system does not tell. */
  started: Type.Union([Type.String(), Type.Null()]),
  host: Type.String(),
});
type Owner = Static<typeof ownerSchema>;

/** Hold on a run folder: one process writes it at a time. */
export interface RunLock {
  /** Gives the folder free. */
  release(): void;
}

/**
 * Takes hold of a run folder. The lock of a process that no longer runs is taken over.
 * @throws EngineError `run` when a living process holds it
 */
export function takeRunLock(folder: string): RunLock {
  const path = join(folder, LOCK);
  const own: Owner = { pid: process.pid, started: startOf(process.pid), host: hostname() };
  const mine = join(folder, `lock-${process.pid}.tmp`);
  onDisk(mine, () => {
    writeFileSync(mine, JSON.stringify(own));
  });
  try {
    for (let i = 0; i < TRIES; i++) {
      if (tryLink(mine, path)) return { release: () => release(path, own) };
      const owner = readOwner(path);
      if (owner === undefined) continue;
      if (owner !== 'damaged' && isAlive(owner)) throw inUse(folder, owner);
      setAside(path, owner);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw inUse(folder, { pid: 0, started: null, host: 'another process' });
}

/** True while a living process holds the run folder. */
export function isRunLocked(folder: string): boolean {
  const owner = readOwner(join(folder, LOCK));
  return owner !== undefined && owner !== 'damaged' && isAlive(owner);
}

/** A hard link appears whole or not at all, and fails when the name is taken. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    // Some file systems have no hard links; an exclusive create is the next best.
    return tryExclusive(from, to);
  }
}

function tryExclusive(from: string, to: string): boolean {
  try {
    writeFileSync(to, readFileSync(from), { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    return onDisk(to, () => {
      throw error;
    });
  }
}

/** Removes a stale lock, unless it is no longer the one that was seen. */
function setAside(path: string, seen: Owner | 'damaged'): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const taken = readOwner(aside);
  // Somebody else took over between our look and our rename: give it back.
  if (JSON.stringify(taken) !== JSON.stringify(seen)) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function release(path: string, own: Owner): void {
  const owner = readOwner(path);
  if (JSON.stringify(owner) === JSON.stringify(own)) rmSync(path, { force: true });
}

function readOwner(path: string): Owner | 'damaged' | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    return acceptsValue(ownerSchema, value) ? value : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** A number of another machine says nothing here, so its lock is believed. */
function isAlive({ pid, started, host }: Owner): boolean {
  return host !== hostname() || isLiving({ pid, started });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function inUse(folder: string, owner: Owner): EngineError {
  const elsewhere = owner.host !== hostname();
  return new EngineError('run', {
    what: folder,
    expected: 'a run that nobody else is working on',
    found: `process ${owner.pid}${elsewhere ? ` on ${owner.host}` : ''} working on it`,
    action: elsewhere
      ? `Wait for it, or delete ${LOCK} there if that machine has stopped.`
      : 'Wait for it, or stop that process first.',
  });
}
