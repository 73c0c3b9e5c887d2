import { statSync } from 'node:fs';
import { join } from 'node:path';
import { EventTail } from '../../dashboard/reader/eventTail.ts';
import { readManifest, runFiles } from '../../engine/runs/runLayout.ts';
import { isRunLocked } from '../../engine/runs/runLock.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { RunManifest } from '../../protocol/runRecord.ts';
import { messageOf } from '../report.ts';
import { digestEvents, emptyDigest, type RunDigest } from './runDigest.ts';

/** How long an answer about a lock is believed, ms: asking starts a process on some systems. */
const LOCK_MS = 2000;

/** What was read of a run folder. */
export type RunReading =
  | {
      readonly kind: 'run';
      readonly manifest: RunManifest;
      readonly digest: RunDigest;
      /** A living process holds the folder. */
      readonly held: boolean;
    }
  | { readonly kind: 'broken'; readonly message: string };

/** Reads one run folder again and again, each byte of its log once. */
export class RunLog {
  readonly folder: string;
  private readonly now: () => number;
  private tail: EventTail;
  private digest: RunDigest = emptyDigest;
  private manifest: { readonly stamp: string; readonly value: RunManifest } | undefined;
  private lock = { askedMs: -Infinity, held: false };

  constructor(folder: string, now: () => number = () => performance.now()) {
    this.folder = folder;
    this.now = now;
    this.tail = new EventTail(folder);
  }

  /** Reads what is new. Never throws. */
  read(): RunReading {
    try {
      const manifest = this.readManifest();
      this.follow();
      return { kind: 'run', manifest, digest: this.digest, held: this.isHeld() };
    } catch (error) {
      // What is expected is said in the words of the editor; a disk's own complaint is no bug of ours.
      const message = error instanceof EngineError ? messageOf(error) : String(error);
      return { kind: 'broken', message };
    }
  }

  /** Forgets what it believes about the lock: a job on this run has just begun or ended. */
  forgetLock(): void {
    this.lock.askedMs = -Infinity;
  }

  private readManifest(): RunManifest {
    const path = join(this.folder, runFiles.manifest);
    const stat = statSync(path, { throwIfNoEntry: false });
    const stamp = `${stat?.size}:${stat?.mtimeMs}`;
    if (this.manifest?.stamp !== stamp) {
      this.manifest = { stamp, value: readManifest(this.folder) };
    }
    return this.manifest.value;
  }

  private follow(): void {
    for (let batch = this.tail.read(); batch !== undefined; batch = this.tail.read()) {
      if (batch === 'restarted') this.digest = emptyDigest;
      else this.digest = digestEvents(this.digest, batch.events);
    }
  }

  private isHeld(): boolean {
    if (this.digest.state !== 'running') return false;
    const nowMs = this.now();
    if (nowMs - this.lock.askedMs > LOCK_MS) {
      this.lock = { askedMs: nowMs, held: isRunLocked(this.folder) };
    }
    return this.lock.held;
  }
}
