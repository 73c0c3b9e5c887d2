import { statSync } from 'node:fs';
import { join } from 'node:path';
import { EventTail } from '../../dashboard/reader/eventTail.ts';
import { fileStamp } from '../../dashboard/reader/fileStamp.ts';
import { readManifest, runFiles } from '../../engine/runs/runLayout.ts';
import { isRunLocked } from '../../engine/runs/runLock.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { RunManifest } from '../../protocol/runRecord.ts';
import { messageOf } from '../report.ts';
import type { DigestCache } from './digestCache.ts';
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
  private readonly cache: DigestCache | undefined;
  private tail: EventTail | undefined;
  private digest: RunDigest = emptyDigest;
  /** Of the log whose digest the cache has. */
  private keptStamp: string | undefined;
  private manifest: { readonly stamp: string; readonly value: RunManifest } | undefined;
  private lock = { askedMs: -Infinity, held: false };

  /**
   * @param folder  the run folder
   * @param cache  spares reading a log that was read by an earlier window
   * @param now  clock, ms
   */
  constructor(folder: string, cache?: DigestCache, now: () => number = () => performance.now()) {
    this.folder = folder;
    this.cache = cache;
    this.now = now;
  }

  /** Reads one piece of what is new; {@link isBehind} says whether there is more. Never throws. */
  read(): RunReading {
    try {
      const manifest = this.readManifest();
      this.readOn();
      return { kind: 'run', manifest, digest: this.digest, held: this.isHeld() };
    } catch (error) {
      // What is expected is said in the words of the editor; a disk's own complaint is no bug of ours.
      const message = error instanceof EngineError ? messageOf(error) : String(error);
      return { kind: 'broken', message };
    }
  }

  /** True when the log has more than was read. */
  get isBehind(): boolean {
    return this.tail?.isBehind === true;
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

  private readOn(): void {
    const stamp = fileStamp(join(this.folder, runFiles.events)) ?? '';
    this.tail ??= this.resume(stamp);
    const batch = this.tail.read();
    if (batch === 'restarted') this.digest = emptyDigest;
    else if (batch !== undefined) this.digest = digestEvents(this.digest, batch.events);
    // A run that goes on will have another log in a moment.
    if (this.isBehind || this.digest.state === 'running' || stamp === this.keptStamp) return;
    this.cache?.keep(this.folder, { stamp, bytes: this.tail.bytesRead, digest: this.digest });
    this.keptStamp = stamp;
  }

  /** Begins behind what an earlier window has read. */
  private resume(stamp: string): EventTail {
    const kept = this.cache?.find(this.folder, stamp);
    if (kept === undefined) return new EventTail(this.folder);
    this.digest = kept.digest;
    this.keptStamp = stamp;
    return new EventTail(this.folder, kept.bytes);
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
