import type { Static, TSchema } from 'typebox';
import { decodeValue } from '../../protocol/decode.ts';
import type { EngineContext } from '../../protocol/engineApi.ts';
import { isEngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { RunEventBody } from '../../protocol/runEvent.ts';
import type { StageName } from '../../protocol/runRecord.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { storyLine } from '../../protocol/runStory.ts';
import type { RunFolder } from '../runs/runFolder.ts';
import { EarlyFinish } from './earlyFinish.ts';

/** Least time between two progress events of a stage, ms: ten a second is what an eye can follow. */
const PROGRESS_MS = 100;

/** A stage whose result is kept, so that it is not done twice. */
export interface KeptStage<S extends TSchema, Result> {
  /** What the folder must hold of it. */
  readonly kept: S;
  /**
   * Makes the result of what the folder holds.
   * @throws EngineError `decode` or `checkpoint` when a file of the stage is damaged
   */
  readonly restore: (kept: Static<S>) => Result | Promise<Result>;
  /** Does the stage; what it returns is plain data and is written last. */
  readonly work: (progress: Progress) => Promise<Static<S>>;
}

/** Tells how far a stage is: units done of a total. */
export type Progress = (done: number, total: number) => void;

/** A run in progress: its folder, its config and a way to tell what happens. */
export class RunContext {
  readonly folder: RunFolder;
  readonly config: ResolvedConfig;
  readonly signal: AbortSignal;
  /** Whether the search is to end before its time. */
  readonly finish: EarlyFinish;
  readonly freeBytes: EngineContext['freeBytes'];
  readonly #emit: EngineContext['emit'];

  constructor(folder: RunFolder, config: ResolvedConfig, context: EngineContext) {
    this.folder = folder;
    this.config = config;
    this.signal = context.signal;
    this.freeBytes = context.freeBytes;
    this.finish = new EarlyFinish(folder, context.finishSearch);
    this.#emit = (event) => {
      context.emit(event);
    };
  }

  /** Releases the folder. No event may be emitted after this. Never throws. */
  close(): void {
    this.finish.close();
    this.folder.close();
  }

  /** Writes an event to the folder, and what it means to the log for people; then passes it on. */
  tell(body: RunEventBody): void {
    const event = this.folder.append(body);
    const line = storyLine(event);
    if (line !== null) this.folder.log(`${line.level}: ${line.text}`);
    this.#emit(event);
  }

  /** Tells one line for people. */
  log(level: 'info' | 'warning', text: string): void {
    this.tell({ kind: 'log', level, text });
  }

  /**
   * Runs a stage whose result is kept in the folder: work that was finished before a stop is not
   * done again. What was kept and is damaged is made again.
   */
  async stage<S extends TSchema, Result>(
    name: StageName,
    { kept, restore, work }: KeptStage<S, Result>,
  ): Promise<Result> {
    throwIfAborted(this.signal);
    const done = this.folder.stageResult(name);
    if (done.kind === 'whole') {
      try {
        return await restore(decodeValue(kept, done.value, `stages/${name}.json`));
      } catch (error) {
        if (!isEngineError(error, 'decode') && !isEngineError(error, 'checkpoint')) throw error;
        this.folder.log(error.message);
      }
    }
    if (done.kind !== 'absent') {
      this.log('warning', `The result of the stage "${name}" is damaged: the stage runs again.`);
    }
    const result = await this.timed(name, work);
    this.folder.finishStage(name, result);
    return restore(result);
  }

  /** Runs work as a stage that is told of, but keeps no result. */
  async timed<Result>(
    name: StageName,
    work: (progress: Progress) => Promise<Result>,
  ): Promise<Result> {
    const start = performance.now();
    this.tell({ kind: 'stageStarted', stage: name });
    const result = await work(this.#progressOf(name, start));
    this.tell({ kind: 'stageFinished', stage: name, ms: performance.now() - start });
    return result;
  }

  #progressOf(stage: StageName, start: number): Progress {
    let [first, firstAt, lastAt] = [-1, start, -Infinity];
    return (done, total) => {
      const now = performance.now();
      if (first < 0) [first, firstAt] = [done, now];
      if (now - lastAt < PROGRESS_MS && done < total) return;
      lastAt = now;
      // What a resumed stage found done says nothing about its speed, so the rate starts at `first`.
      const rate = done > first ? (now - firstAt) / (done - first) : null;
      const etaMs = rate === null ? null : Math.max(0, rate * (total - done));
      this.tell({ kind: 'stageProgress', stage, done, total, etaMs });
    };
  }
}
