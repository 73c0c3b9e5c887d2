import type { Readable } from 'node:stream';
import { insideFolder } from '../files/insideFolder.ts';
import { releaseQuietly } from '../files/release.ts';
import { appendText } from '../files/writeFile.ts';

/** Lines kept for the message about a crash. */
const LAST_LINES = 12;
/** How an uncaught error begins: `Error: …`, `TypeError [CODE]: …`. A long stack may follow. */
const ERROR_LINE = /^(Uncaught )?\w*(Error|Exception)( \[\w+\])?:/;
/** Longest line kept, UTF-16 units. */
const LONGEST_LINE = 400;
/** Text kept while it is not yet known which run it belongs to, UTF-16 units. */
const MOST_PENDING = 256 * 1024;

/**
 * What the engine process prints on stdout and stderr: native libraries do, and their last words
 * explain a crash. It goes to the log of the run and never mixes with messages.
 */
export class ChildOutput {
  private readonly last: string[] = [];
  /** The first line that names an error, once it is no longer among the last ones. */
  private firstError: string | undefined;
  private pending = '';
  private rest = '';
  private runFolder: string | undefined;

  /** Starts to read a stream of the child. */
  follow(stream: Readable): void {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.take(text);
    });
    // A stream that breaks has told all it could.
    stream.on('error', () => undefined);
  }

  /** Names the run everything from now on belongs to, and what was printed before it was known. */
  logTo(runFolder: string): void {
    this.runFolder = runFolder;
    this.write(this.pending);
    this.pending = '';
  }

  /**
   * The last lines printed, oldest first. The first line that names an error comes before them when
   * a long stack has pushed it out: it is the reason, and the stack only says where.
   */
  lastLines(): readonly string[] {
    const reason = this.firstError === undefined ? [] : [this.firstError, '…'];
    return [...reason, ...this.last, ...(this.rest === '' ? [] : [this.rest])];
  }

  private take(text: string): void {
    this.write(text);
    const lines = (this.rest + text).split(/\r?\n/);
    this.rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) {
      if (line.trim() !== '') this.last.push(line.slice(0, LONGEST_LINE));
    }
    const dropped = this.last.splice(0, Math.max(0, this.last.length - LAST_LINES));
    this.firstError ??= dropped.find((line) => ERROR_LINE.test(line));
  }

  private write(text: string): void {
    if (text === '') return;
    const { runFolder } = this;
    if (runFolder === undefined) {
      this.pending = (this.pending + text).slice(-MOST_PENDING);
      return;
    }
    // A full disk must not end the host; the engine itself reports it.
    releaseQuietly(() => {
      appendText(insideFolder(runFolder, 'log.txt'), text);
    });
  }
}
