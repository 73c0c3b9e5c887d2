import * as vscode from 'vscode';
import { commandRemedy, HostError, showRuns } from '../hostError.ts';
import type { EventDescriptor, RequestDescriptor } from '../../protocol/rpc.ts';
import { serviceApi, type Job, type JobWork } from '../../protocol/serviceApi.ts';

/** A connection to the engine service. */
export interface ServiceConnection {
  request<P, R>(descriptor: RequestDescriptor<P, R>, params: P, signal?: AbortSignal): Promise<R>;
  on<P>(descriptor: EventDescriptor<P>, listener: (payload: P) => void): () => void;
  onClosed(listener: () => void): unknown;
  close(): unknown;
}

/** Ways to the engine service. */
export interface ServiceDoor {
  /** A connection to the service that runs; undefined when none does. Starts nothing. */
  attach(): Promise<ServiceConnection | undefined>;
  /** A connection to the service, which is started when none runs. */
  start(): Promise<ServiceConnection>;
}

/** What the host knows of the service. */
export type ServiceState =
  | { readonly kind: 'off' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'attached' }
  | { readonly kind: 'failed'; readonly error: Error };

/** Waits between tries to find the service again after its connection broke, ms. */
const RETRY_MS = [250, 500, 1000, 2000, 4000] as const;

/**
 * The window's hold on the engine service: attaches when one lives, starts one on the first need,
 * finds it again when the connection breaks. Closing the window leaves the service and its runs alone.
 */
export class ServiceHandle implements vscode.Disposable {
  private readonly door: ServiceDoor;
  private readonly retryMs: readonly number[];
  private readonly stateChanged = new vscode.EventEmitter<ServiceState>();
  private readonly jobsChanged = new vscode.EventEmitter<readonly Job[]>();
  private connection: ServiceConnection | undefined;
  private attaching: Promise<boolean> | undefined;
  private opening: Promise<ServiceConnection> | undefined;
  private disposed = false;
  private now: ServiceState = { kind: 'off' };
  private known: readonly Job[] = [];

  readonly onDidChangeState = this.stateChanged.event;
  /** The jobs of all windows, at most four times a second. */
  readonly onDidChangeJobs = this.jobsChanged.event;

  constructor(door: ServiceDoor, retryMs: readonly number[] = RETRY_MS) {
    this.door = door;
    this.retryMs = retryMs;
  }

  get state(): ServiceState {
    return this.now;
  }

  /** Running first, then the queue in order, then those that ended. */
  get jobs(): readonly Job[] {
    return this.known;
  }

  /** Attaches when a service lives, and does nothing otherwise. Never throws. */
  attachIfLive(): Promise<boolean> {
    this.attaching ??= this.attach().finally(() => {
      this.attaching = undefined;
    });
    return this.attaching;
  }

  /** Asks the service, which is started when need be. @throws EngineError as the service threw it */
  async request<P, R>(
    descriptor: RequestDescriptor<P, R>,
    params: P,
    signal?: AbortSignal,
  ): Promise<R> {
    return (await this.open()).request(descriptor, params, signal);
  }

  /** Puts work into the queue. @returns the job's id */
  async submit(work: JobWork, title: string): Promise<string> {
    const { id } = await this.request(serviceApi.submit, { work, title });
    return id;
  }

  /**
   * Waits until a job satisfies a condition.
   * @returns the job; undefined when it was not so in time, or the service went away
   */
  async waitFor(
    id: string,
    holds: (job: Job) => boolean,
    limitMs: number,
  ): Promise<Job | undefined> {
    const look = (): Job | undefined => this.known.find((job) => job.id === id && holds(job));
    const found = look();
    if (found !== undefined) return found;
    return new Promise((resolve) => {
      const end = (job: Job | undefined): void => {
        clearTimeout(timer);
        subscription.dispose();
        resolve(job);
      };
      const timer = setTimeout(() => end(undefined), limitMs);
      const subscription = this.onDidChangeJobs(() => {
        const job = look();
        if (job !== undefined) end(job);
        else if (this.now.kind === 'failed') end(undefined);
      });
    });
  }

  dispose(): void {
    this.disposed = true;
    void this.connection?.close();
    this.stateChanged.dispose();
    this.jobsChanged.dispose();
  }

  private async attach(): Promise<boolean> {
    if (this.connection !== undefined) return true;
    try {
      const found = await this.door.attach();
      if (found === undefined) return false;
      await this.adopt(found);
      return true;
    } catch (error) {
      this.tell({ kind: 'failed', error: asError(error) });
      return false;
    }
  }

  private async open(): Promise<ServiceConnection> {
    await this.attaching;
    if (this.connection !== undefined) return this.connection;
    this.opening ??= this.start().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async start(): Promise<ServiceConnection> {
    this.tell({ kind: 'starting' });
    try {
      const connection = await this.door.start();
      await this.adopt(connection);
      return connection;
    } catch (error) {
      this.tell({ kind: 'failed', error: asError(error) });
      throw error;
    }
  }

  private async adopt(connection: ServiceConnection): Promise<void> {
    this.connection = connection;
    connection.onClosed(() => {
      if (this.connection === connection) void this.lost();
    });
    connection.on(serviceApi.jobsChanged, ({ jobs }) => {
      this.take(jobs);
    });
    this.tell({ kind: 'attached' });
    this.take(await connection.request(serviceApi.jobs, {}));
  }

  /** The connection broke: idle services end by themselves, anything else is looked for again. */
  private async lost(): Promise<void> {
    this.connection = undefined;
    if (this.disposed) return;
    if (!this.known.some(isActive)) {
      this.tell({ kind: 'off' });
      return;
    }
    this.tell({ kind: 'starting' });
    for (const waitMs of this.retryMs) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (this.disposed || this.connection !== undefined) return;
      const found = await this.door.attach().catch(() => undefined);
      if (found === undefined) continue;
      await this.adopt(found);
      return;
    }
    this.tell({ kind: 'failed', error: serviceGone() });
    this.take([]);
  }

  private take(jobs: readonly Job[]): void {
    if (this.disposed) return;
    this.known = jobs;
    this.jobsChanged.fire(jobs);
  }

  private tell(state: ServiceState): void {
    if (this.disposed) return;
    this.now = state;
    this.stateChanged.fire(state);
  }
}

/** True for a job that runs or waits. */
export function isActive({ state }: Job): boolean {
  return state === 'running' || state === 'queued';
}

/** The run folder a job works on or in; null while it is not known. */
export function folderOf(job: Job): string | null {
  const { work } = job;
  if (job.runFolder !== null) return job.runFolder;
  if (work.kind === 'resume') return work.runFolder;
  if (work.kind === 'subnet') return work.request.runFolder;
  return work.kind === 'export' ? work.request.path : null;
}

/** True for a job that makes or continues a run. */
export function isRunJob({ work }: Job): boolean {
  return work.kind === 'run' || work.kind === 'resume';
}

function serviceGone(): HostError {
  return new HostError(
    'run',
    {
      what: vscode.l10n.t('The engine service'),
      expected: vscode.l10n.t('to stay until its queue is empty'),
      found: vscode.l10n.t('its end, from outside or by a crash'),
      sentence: vscode.l10n.t('The engine service has ended before its queue was empty.'),
      action: vscode.l10n.t(
        'What its runs have finished is on disk: resume them in the Runs view.',
      ),
    },
    [showRuns(), commandRemedy(vscode.l10n.t('Show Engine Log'), 'showEngineLog')],
  );
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
