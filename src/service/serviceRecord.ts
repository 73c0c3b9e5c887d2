import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { acceptsValue } from '../protocol/acceptsValue.ts';
import { readPlainText } from '../files/plainFile.ts';
import { releaseQuietly } from '../files/release.ts';
import { replaceFile } from '../files/writeFile.ts';
import { isLiving } from '../engine/runs/processIdentity.ts';

const FILE = 'service.json';

const recordSchema = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  /** When the process began, in the system's own words; null when it does not tell. */
  started: Type.Union([Type.String(), Type.Null()]),
  /** Path of the Unix socket, or name of the Windows pipe. */
  socket: Type.String(),
  /** What a client has to know to be let in. */
  token: Type.String(),
  version: Type.String(),
  protocol: Type.Integer(),
});

/** Where the service of a state folder is found; only its user can read it. */
export type ServiceRecord = Readonly<Static<typeof recordSchema>>;

/** Tells the world of a service that listens. @throws EngineError `disk` */
export function writeRecord(stateDir: string, record: ServiceRecord): void {
  replaceFile(join(stateDir, FILE), `${JSON.stringify(record)}\n`, 0o600);
}

/** What is recorded; undefined when nothing readable is. The service may have ended since. */
export function readRecord(stateDir: string): ServiceRecord | undefined {
  try {
    const text = readPlainText(join(stateDir, FILE), { links: 'refused', mostBytes: 65_536 });
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return acceptsValue(recordSchema, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The record of a service whose process lives. */
export function readLiveRecord(stateDir: string): ServiceRecord | undefined {
  const record = readRecord(stateDir);
  return record !== undefined && isLiving(record) ? record : undefined;
}

/** Forgets a service that has ended. Never throws. */
export function removeRecord(stateDir: string): void {
  releaseQuietly(() => {
    rmSync(join(stateDir, FILE), { force: true });
  });
}
