import { engineApi } from '../protocol/engineApi.ts';
import { EngineError, isEngineError } from '../protocol/errors.ts';
import type { RunEvent } from '../protocol/runEvent.ts';
import type { Job, JobWork } from '../protocol/serviceApi.ts';
import type { EngineClient, EngineClientOptions } from '../server/client.ts';
import type { JobEnd, JobNews, JobQueue } from './jobQueue.ts';
import { runJob } from './runJob.ts';

/** What a {@link JobRunner} tells. */
export interface JobListener {
  /** The list changed: something came, began, ended or moved. */
  onChanged(): void;
  /** The running job is somewhere else in its work. */
  onProgress(): void;
  /** One line for the log. */
  log(text: string): void;
}

/** Does the jobs of a queue, one after the other, each in an engine of its own. */
export class JobRunner {
  private readonly queue: JobQueue;
  private readonly engine: EngineClientOptions;
  private readonly listener: JobListener;
  private stopping: AbortController | undefined;
  private client: EngineClient | undefined;
  private isClosed = false;
  private working: Promise<void> = Promise.resolve();

  constructor(queue: JobQueue, engine: EngineClientOptions, listener: JobListener) {
    this.queue = queue;
    this.engine = engine;
    this.listener = listener;
  }

  /** Begins the next job unless one is running. */
  next(): void {
    if (this.isClosed) return;
    const job = this.queue.startNext();
    if (job === undefined) return;
    this.working = this.work(job);
  }

  /** Stops the running job within one block's time. */
  stop(): void {
    this.stopping?.abort();
  }

  /**
   * Ends the search of the running job early.
   * @throws EngineError `run` when it is not a run, or its search is over
   */
  async finishSearch(id: string): Promise<void> {
    const job = this.queue.running;
    const told =
      job?.id === id && (await this.client?.request(engineApi.finishSearch, {}))?.told === true;
    if (!told) throw noSearch(id);
  }

  /** Ends the running job's engine in good order and begins no other. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stopping?.abort();
    this.client?.stop().catch(() => undefined);
    await this.working;
  }

  private async work(job: Job): Promise<void> {
    const stopping = new AbortController();
    this.stopping = stopping;
    this.queue.note({ runFolder: folderKnown(job.work) });
    this.listener.log(`job ${job.id} "${job.title}" begins`);
    this.listener.onChanged();
    const end = await this.done(job, stopping.signal);
    // The one that ends it is another service's business: what was running is on disk.
    if (this.isClosed) return;
    this.queue.end(end);
    [this.stopping, this.client] = [undefined, undefined];
    this.listener.log(
      `job ${job.id} ${end.state}${end.state === 'failed' ? `: ${end.error.message}` : ''}`,
    );
    this.next();
    this.listener.onChanged();
  }

  private async done(job: Job, signal: AbortSignal): Promise<JobEnd> {
    try {
      const result = await runJob(job.work, {
        engine: this.engine,
        signal,
        onEngine: (client) => {
          this.client = client;
          this.queue.note({ pid: client.pid ?? null });
          this.listener.onChanged();
        },
        onEvent: (event) => {
          this.take(event);
        },
      });
      return { state: 'finished', result };
    } catch (error) {
      if (signal.aborted || isEngineError(error, 'cancelled')) return { state: 'stopped' };
      const message = error instanceof Error ? error.message : String(error);
      return {
        state: 'failed',
        error: { code: isEngineError(error) ? error.code : 'bug', message },
      };
    }
  }

  private take(event: RunEvent): void {
    const news = newsOf(event);
    if (news === undefined) return;
    this.queue.note(news);
    if (event.kind === 'runStarted') this.listener.onChanged();
    else this.listener.onProgress();
  }
}

function newsOf(event: RunEvent): JobNews | undefined {
  switch (event.kind) {
    case 'runStarted':
      return { runFolder: event.folder };
    case 'stageStarted':
      return { stage: event.stage, fraction: 0, etaMs: null };
    case 'stageProgress': {
      const fraction = event.total > 0 ? Math.min(1, event.done / event.total) : null;
      return { stage: event.stage, fraction, etaMs: event.etaMs };
    }
    case 'stageFinished':
      return { stage: event.stage, fraction: 1, etaMs: null };
    case 'comparisonStarted':
      return { stage: null, fraction: 0, etaMs: null };
    case 'compared': {
      const fraction = event.total > 0 ? Math.min(1, event.done / event.total) : null;
      return { stage: null, fraction, etaMs: event.etaMs ?? null };
    }
    default:
      return undefined;
  }
}

function folderKnown(work: JobWork): string | null {
  if (work.kind === 'resume') return work.runFolder;
  return work.kind === 'subnet' ? work.request.runFolder : null;
}

function noSearch(id: string): EngineError {
  return new EngineError('run', {
    what: `Job ${id.slice(0, 80)}`,
    expected: 'a run whose search is still to end',
    found: 'none',
    action: 'Nothing needs to be done: there is no search to finish.',
    sentence: `Job ${id.slice(0, 80)} has no search that could be ended.`,
  });
}
