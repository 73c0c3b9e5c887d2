import { closeSync, watch, type FSWatcher } from 'node:fs';
import { runFiles } from '../../engine/runs/runLayout.ts';
import { insideFolder } from '../../files/insideFolder.ts';
import { openPlain, readUpTo } from '../../files/plainFile.ts';
import { withRelease } from '../../files/release.ts';
import { decodeEventLines } from '../../protocol/decodeEvent.ts';
import type { RunEvent, UnknownRunEvent } from '../../protocol/runEvent.ts';

/** Bytes read in one go: their lines hold the host's thread for a few milliseconds. */
export const PIECE_BYTES = 128 * 1024;
/** Lines taken of them: many short ones would hold it longer. */
export const PIECE_LINES = 1000;
/** Longest line that is read; one of a generation with fifty thousand survivors. */
const MOST_LINE_BYTES = 1024 * 1024;
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
  private offset: number;
  private size = 0;

  /**
   * @param folder  the run folder
   * @param offset  bytes of the log that are known already
   */
  constructor(folder: string, offset = 0) {
    this.folder = folder;
    this.offset = offset;
  }

  /** Bytes of the log that were read. */
  get bytesRead(): number {
    return this.offset;
  }

  /** True when the log had more than was read. */
  get isBehind(): boolean {
    return this.offset < this.size;
  }

  /**
   * One piece of what was added since the last call.
   * @returns undefined when there is nothing new; `restarted` when the file became shorter, so that
   *   everything has to be read again
   * @throws EngineError `run` for a link on the way, `disk` when the log is no plain file
   */
  read(): EventBatch | 'restarted' | undefined {
    const path = insideFolder(this.folder, runFiles.events);
    const opened = openPlain(path, { links: 'refused', mostBytes: Infinity });
    if (opened === undefined) return undefined;
    const { file, bytes: size } = opened;
    const bytes = withRelease(
      () => (size < this.offset ? undefined : this.readPiece(file, size)),
      () => {
        closeSync(file);
      },
    );
    this.size = size;
    if (bytes === undefined) {
      this.offset = 0;
      return 'restarted';
    }
    const end = endOfLines(bytes);
    if (end === 0) {
      // A line longer than any legal one is skipped; one that is still being written comes later.
      if (bytes.length === MOST_LINE_BYTES) this.offset += bytes.length;
      else this.size = this.offset;
      return undefined;
    }
    this.offset += end;
    const lines = bytes.toString('utf8', 0, end).split('\n');
    const { events } = decodeEventLines(lines.filter((line) => line !== ''));
    // A piece without an event is no end of the log.
    return { from: events[0]?.seq ?? 0, events: thinned(events) };
  }

  /** The next whole lines, as many as fit; at least one, unless it is too long. */
  private readPiece(file: number, size: number): Buffer {
    const rest = size - this.offset;
    const piece = readUpTo(file, Math.min(PIECE_BYTES, rest), this.offset);
    if (piece.includes(NEWLINE) || rest <= PIECE_BYTES) return piece;
    return readUpTo(file, Math.min(MOST_LINE_BYTES, rest), this.offset);
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

/** Where the last line ends that is taken in one go; 0 when none does. */
function endOfLines(bytes: Buffer): number {
  let end = 0;
  for (let lines = 0; lines < PIECE_LINES; lines++) {
    const next = bytes.indexOf(NEWLINE, end) + 1;
    if (next === 0) break;
    end = next;
  }
  return end;
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
