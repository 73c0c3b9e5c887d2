import { replaceJson } from '../../files/writeFile.ts';
import type { RunFolder } from '../runs/runFolder.ts';
import { readRunJson } from '../runs/runLayout.ts';

const MARKER = 'stages/finishSearch.json';

/**
 * A request to end the search of a run early, kept in its folder: once it is made, a run that is
 * killed and resumed ends its search at the same place.
 */
export class EarlyFinish {
  /** Raised once the request is on disk; at once when a resumed run had been asked before. */
  readonly signal: AbortSignal;
  private readonly folder: RunFolder;
  private readonly controller = new AbortController();
  private readonly asked: AbortSignal | undefined;
  private failure: { readonly error: unknown } | undefined;
  private judged: number | undefined;

  /** @param asked  the host's signal; what it asks is written down the moment it is raised */
  constructor(folder: RunFolder, asked: AbortSignal | undefined) {
    this.folder = folder;
    this.asked = asked;
    this.signal = this.controller.signal;
    this.judged = readMarker(folder);
    if (this.judged !== undefined) this.controller.abort();
    else if (asked?.aborted === true) this.mark();
    else asked?.addEventListener('abort', this.mark, { once: true });
  }

  /**
   * How many of the journalled evaluations count, from the first; undefined when nobody asked.
   * @throws EngineError `disk` when the request could not be written down
   */
  get evaluations(): number | undefined {
    if (this.failure !== undefined) throw this.failure.error;
    return this.judged;
  }

  /** Stops to listen. */
  close(): void {
    this.asked?.removeEventListener('abort', this.mark);
  }

  private readonly mark = (): void => {
    if (this.folder.stageResult('search').kind === 'whole') return;
    const judged = this.folder.evaluations.size;
    try {
      // Before the search learns of it: what is not on disk would be forgotten by a kill.
      replaceJson(this.folder.file(MARKER), { judged });
      this.judged = judged;
    } catch (error) {
      // Thrown here it would end the process; the search throws it when it looks.
      this.failure = { error };
    }
    this.controller.abort();
  };
}

function readMarker(folder: RunFolder): number | undefined {
  const value = readRunJson(folder.path, MARKER);
  if (typeof value !== 'object' || value === null || !('judged' in value)) return undefined;
  return Number.isSafeInteger(value.judged) ? (value.judged as number) : undefined;
}
