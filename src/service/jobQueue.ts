import { EngineError } from '../protocol/errors.ts';
import type { Job, JobWork } from '../protocol/serviceApi.ts';
import { sameWork } from './workRules.ts';

/** Jobs that ended and are still shown. */
const MOST_ENDED = 50;

/** What a running job may tell. */
export type JobNews = Partial<Pick<Job, 'runFolder' | 'stage' | 'fraction' | 'etaMs' | 'pid'>>;

/** How a job ended. */
export type JobEnd =
  | { readonly state: 'finished'; readonly result: unknown }
  | { readonly state: 'failed'; readonly error: NonNullable<Job['error']> }
  | { readonly state: 'stopped' };

/**
 * The jobs of a service: one runs, others wait in order, the last ones that ended are remembered.
 * Plain data and rules; it starts nothing and writes nothing.
 */
export class JobQueue {
  private readonly now: () => number;
  private readonly newId: () => string;
  private active: Job | undefined;
  private waiting: Job[] = [];
  /** Newest first. */
  private ended: Job[] = [];

  /**
   * @param now  clock, milliseconds since 1970
   * @param newId  a different text at every call
   */
  constructor(now: () => number, newId: () => string) {
    this.now = now;
    this.newId = newId;
  }

  /** Running first, then the queue in order, then those that ended, newest first. */
  list(): readonly Job[] {
    return [...(this.active === undefined ? [] : [this.active]), ...this.waiting, ...this.ended];
  }

  /** True while something runs or waits. */
  get isBusy(): boolean {
    return this.active !== undefined || this.waiting.length > 0;
  }

  /** The job that runs. */
  get running(): Job | undefined {
    return this.active;
  }

  /**
   * Puts work at the end of the queue.
   * @returns the job's id
   * @throws EngineError `run` when the same work waits or runs already
   */
  submit(work: JobWork, title: string): string {
    for (const job of [this.active, ...this.waiting]) {
      if (job !== undefined && sameWork(job, work)) throw twice(job);
    }
    const job: Job = {
      ...{ id: this.newId(), work, title, state: 'queued', submittedMs: this.now() },
      ...{ startedMs: null, endedMs: null, stage: null, fraction: null, etaMs: null, pid: null },
      ...{ runFolder: null, error: null, result: null },
    };
    this.waiting.push(job);
    return job.id;
  }

  /** Makes the first waiting job the running one; undefined when one runs or none waits. */
  startNext(): Job | undefined {
    if (this.active !== undefined) return undefined;
    const next = this.waiting.shift();
    if (next === undefined) return undefined;
    this.active = { ...next, state: 'running', startedMs: this.now() };
    return this.active;
  }

  /** Takes note of what the running job tells. */
  note(news: JobNews): void {
    if (this.active !== undefined) this.active = { ...this.active, ...news };
  }

  /** Ends the running job. */
  end(end: JobEnd): void {
    const { active } = this;
    if (active === undefined) return;
    this.active = undefined;
    this.retire({ ...active, ...end, pid: null, etaMs: null });
  }

  /**
   * Takes a waiting job from the queue.
   * @returns false when the job runs and has to be stopped; true too when it has ended already
   * @throws EngineError `run` for an unknown job
   */
  withdraw(id: string): boolean {
    if (this.active?.id === id) return false;
    const at = this.waiting.findIndex((job) => job.id === id);
    const [job] = at < 0 ? [] : this.waiting.splice(at, 1);
    if (job !== undefined) this.retire({ ...job, state: 'stopped' });
    else if (!this.ended.some((one) => one.id === id)) throw unknownJob(id);
    return true;
  }

  /**
   * Moves a waiting job.
   * @param to  its new place among the waiting ones, from 0; beyond the end is the end
   * @throws EngineError `run` when it does not wait
   */
  move(id: string, to: number): void {
    const at = this.waiting.findIndex((job) => job.id === id);
    if (at < 0) throw notWaiting(id);
    const [job] = this.waiting.splice(at, 1);
    if (job !== undefined) this.waiting.splice(Math.max(0, Math.floor(to)), 0, job);
  }

  /** The jobs that a crash of the service must not lose. */
  unfinished(): readonly Job[] {
    return [...(this.active === undefined ? [] : [this.active]), ...this.waiting];
  }

  /**
   * Takes over what a service that crashed has left: what waited waits, what ran has failed.
   * @param jobs  its {@link unfinished} ones
   */
  restore(jobs: readonly Job[]): void {
    for (const job of jobs) {
      if (job.state === 'queued') this.waiting.push(job);
      else this.retire({ ...job, state: 'failed', error: lost(job), pid: null, etaMs: null });
    }
  }

  private retire(job: Job): void {
    this.ended = [{ ...job, endedMs: this.now() }, ...this.ended].slice(0, MOST_ENDED);
  }
}

function lost({ work, runFolder }: Job): NonNullable<Job['error']> {
  const isRun = work.kind === 'run' || work.kind === 'resume';
  const { code, message } = new EngineError('run', {
    what: 'The engine service',
    expected: 'to stay until its work was done',
    found: 'its end, from outside or by a crash',
    action:
      isRun && runFolder !== null
        ? 'What the run had finished is on disk: resume it.'
        : 'Start the work again.',
    sentence:
      'The engine service was ended, from outside or by a crash, before this work was done.',
  });
  return { code, message };
}

function twice(job: Job): EngineError {
  return new EngineError('run', {
    what: job.title,
    expected: 'work that is not in the queue yet',
    found: job.state === 'running' ? 'the same work running' : 'the same work waiting',
    action: 'Wait for it, or cancel it first.',
    sentence:
      job.state === 'running'
        ? `${job.title}: the same work is running already.`
        : `${job.title}: the same work is waiting in the queue already.`,
  });
}

function unknownJob(id: string): EngineError {
  return new EngineError('run', {
    what: `Job ${id.slice(0, 80)}`,
    expected: 'a job of this service',
    found: 'no such job',
    action: 'Look at the list of jobs again.',
    sentence: `The engine service has no job ${id.slice(0, 80)}.`,
  });
}

function notWaiting(id: string): EngineError {
  return new EngineError('run', {
    what: `Job ${id.slice(0, 80)}`,
    expected: 'a job that waits in the queue',
    found: 'one that does not',
    action: 'Look at the list of jobs again.',
    sentence: `Job ${id.slice(0, 80)} does not wait in the queue any more.`,
  });
}
