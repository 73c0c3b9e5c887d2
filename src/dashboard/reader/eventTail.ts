import { closeSync, watch, type FSWatcher } from 'node:fs';
import { runFiles } from '../../engine/runs/runLayout.ts';
import { insideFolder } from '../../files/insideFolder.ts';
import { openPlain, readUpTo } from '../../files/plainFile.ts';
import { withRelease } from '../../files/release.ts';
import { decodeEventLines } from '../../protocol/decodeEvent.ts';
import type { RunEvent, UnknownRunEvent } from '../../protocol/runEvent.ts';

/** Most bytes read in one go, so that a long log does not hold the host's thread. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Least time between two batches, ms. */
const BATCH_MS = 100;
/** Looked at even when the file system tells nothing, ms: network drives often do not. */
const LOOK_MS = 1000;

const NEWLINE = 10;

/** Events of a run that were not read before. */
export interface EventBatch {
  /** Number of the first event the batch covers, thinned ones included. */
  readonly from: number;
  readonly events: readonly (RunEvent | UnknownRunEvent)[];
}

/**
 * Reads the event log of a run piece by piece while it is being written.
 *
 * Only whole lines are read. Progress that a later event of the same piece overtakes is left out.
 */
export class EventTail {
  private readonly folder: string;
  private offset = 0;

  /** @param folder  the run folder */
  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * What was added since the last call.
   * @returns undefined when there is nothing new; `restarted` when the file became shorter, so that
   *   everything has to be read again
   * @throws EngineError `run` for a link on the way, `disk` when the log is no plain file
   */
  read(): EventBatch | 'restarted' | undefined {
    const path = insideFolder(this.folder, runFiles.events);
    const opened = openPlain(path, { links: 'refused', mostBytes: Infinity });
    if (opened === undefined) return undefined;
    const { file, bytes: size } = opened;
    if (size < this.offset) {
      closeSync(file);
      this.offset = 0;
      return 'restarted';
    }
    const bytes = withRelease(
      () => readUpTo(file, Math.min(CHUNK_BYTES, size - this.offset), this.offset),
      () => {
        closeSync(file);
      },
    );
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      // No legal line is as long as a whole piece: skip what cannot be one.
      if (bytes.length === CHUNK_BYTES) this.offset += bytes.length;
      return undefined;
    }
    this.offset += end;
    const lines = bytes.toString('utf8', 0, end).split('\n');
    const { events } = decodeEventLines(
      lines.filter((line) => line !== ''),
      path,
    );
    const [first] = events;
    return first === undefined ? undefined : { from: first.seq, events: thinned(events) };
  }
}

/**
 * Calls back whenever something in a run folder changes, at most ten times a second.
 * @param folder  the run folder
 * @returns stops it
 */
export function watchRun(folder: string, onChange: () => void): () => void {
  let watcher: FSWatcher | undefined;
  let due: NodeJS.Timeout | undefined;
  let lastMs = 0;
  const look = (): void => {
    if (due !== undefined) return;
    const waitMs = Math.max(0, lastMs + BATCH_MS - performance.now());
    due = setTimeout(() => {
      due = undefined;
      lastMs = performance.now();
      onChange();
    }, waitMs);
  };
  try {
    watcher = watch(folder, look);
    // The folder may be deleted, or the system may be out of watches; looking goes on.
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return () => {
    watcher?.close();
    clearInterval(timer);
    clearTimeout(due);
  };
}

/** Leaves out progress that a later one of the same stage overtakes; the last event always stays. */
function thinned(
  events: readonly (RunEvent | UnknownRunEvent)[],
): readonly (RunEvent | UnknownRunEvent)[] {
  const later = new Set<string>();
  return events
    .toReversed()
    .filter((event) => {
      if (event.kind !== 'stageProgress') return true;
      if (later.has(event.stage)) return false;
      later.add(event.stage);
      return true;
    })
    .reverse();
}
