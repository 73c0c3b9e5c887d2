import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { onDisk } from '../files/writeFile.ts';
import { startOf } from '../engine/runs/processIdentity.ts';
import { takeRunLock } from '../engine/runs/runLock.ts';
import { engineApi } from '../protocol/engineApi.ts';
import type { DeviceReport } from '../protocol/runRecord.ts';
import { decodeWork } from '../protocol/jobWork.ts';
import { SERVICE_PROTOCOL, serviceApi } from '../protocol/serviceApi.ts';
import type { EngineClientOptions } from '../server/client.ts';
import { HelperEngine } from './helperEngine.ts';
import { JobQueue } from './jobQueue.ts';
import { JobRunner } from './jobRunner.ts';
import { savedQueue, saveQueue } from './queueStore.ts';
import { readRecord, removeRecord, writeRecord } from './serviceRecord.ts';
import { newSocketPlace, removeSocketPlace } from './socketPlace.ts';
import { SocketServer, type ServiceHandlers } from './socketServer.ts';
import { throttle } from './throttle.ts';
import { expectAbsolute, expectAbsolutePath } from './workRules.ts';

/** How a service works. */
export interface ServiceSettings {
  /** Its folder: record, queue, log. */
  readonly stateDir: string;
  readonly version: string;
  /** How to start an engine. */
  readonly engine: EngineClientOptions;
  /** Time without work and clients after which it ends, ms. */
  readonly idleMs?: number;
  /** Time for a connection's first message, ms. */
  readonly helloMs?: number;
}

/** Closing one window and opening the next takes less, ms. */
const IDLE_MS = 30_000;
/** Least time between two lists of jobs, ms. */
const TELL_MS = 250;

/**
 * The engine service: owns the queue of a user's work, does it, and outlives the windows that asked.
 * Only one lives for a state folder.
 */
export class Service {
  private readonly settings: ServiceSettings;
  private readonly queue: JobQueue;
  private readonly runner: JobRunner;
  private readonly helper: HelperEngine;
  private readonly server: SocketServer;
  private readonly socket: string;
  private readonly lock: { release(): void };
  private readonly tellJobs: () => void;
  private devices: Promise<readonly DeviceReport[]> | undefined;
  private idle: NodeJS.Timeout | undefined;
  private ending: Promise<void> | undefined;
  private resolveEnded: () => void = () => undefined;

  /** Resolves when the service has ended. */
  readonly ended: Promise<void>;

  /** @throws EngineError `run` when another service lives for the folder, `disk` */
  private constructor(settings: ServiceSettings) {
    const { stateDir } = settings;
    this.settings = settings;
    onDisk(stateDir, () => mkdirSync(stateDir, { recursive: true, mode: 0o700 }));
    this.lock = takeRunLock(stateDir);
    // Left by a service that crashed: while we hold the lock nobody listens there.
    const stale = readRecord(stateDir);
    if (stale !== undefined) removeSocketPlace(stale.socket);
    removeRecord(stateDir);
    this.socket = newSocketPlace();
    const idBase = Date.now().toString(36);
    let count = 0;
    this.queue = new JobQueue(Date.now, () => `${idBase}-${++count}`);
    const { jobs, problems } = savedQueue(stateDir);
    problems.forEach(log);
    this.queue.restore(jobs);
    this.helper = new HelperEngine(settings.engine);
    this.tellJobs = throttle(() => {
      this.server.broadcast(serviceApi.jobsChanged, { jobs: this.queue.list() });
    }, TELL_MS);
    this.runner = new JobRunner(this.queue, settings.engine, {
      onChanged: () => {
        this.changed();
      },
      onProgress: this.tellJobs,
      log,
    });
    this.server = new SocketServer(this.handlers(), {
      token: randomBytes(32).toString('hex'),
      version: settings.version,
      ...(settings.helloMs === undefined ? {} : { helloMs: settings.helloMs }),
      onClients: () => {
        this.watchIdle();
      },
    });
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  /**
   * Starts the service of a state folder: takes over what a crashed one has left, and listens.
   * @throws EngineError `run` when another one lives, `disk`
   */
  static async start(settings: ServiceSettings): Promise<Service> {
    const service = new Service(settings);
    try {
      await service.server.listen(service.socket);
      writeRecord(settings.stateDir, {
        ...{ pid: process.pid, started: startOf(process.pid), socket: service.socket },
        ...{ token: service.server.token, version: settings.version, protocol: SERVICE_PROTOCOL },
      });
    } catch (error) {
      service.server.close();
      removeSocketPlace(service.socket);
      service.lock.release();
      throw error;
    }
    log(`service ${settings.version} listens as process ${process.pid}`);
    service.runner.next();
    service.changed();
    return service;
  }

  /** Ends it: work in progress stops in good order and is told as broken off by the next service. */
  end(): Promise<void> {
    this.ending ??= this.close();
    return this.ending;
  }

  private async close(): Promise<void> {
    clearTimeout(this.idle);
    // First of all, so that nobody is sent to a service that goes.
    removeRecord(this.settings.stateDir);
    this.server.close();
    await Promise.all([this.runner.close(), this.helper.close()]);
    removeSocketPlace(this.socket);
    this.lock.release();
    log('service ends');
    this.resolveEnded();
  }

  private changed(): void {
    try {
      saveQueue(this.settings.stateDir, this.queue.unfinished());
    } catch (error) {
      // The queue works without its file; only a crash would lose it.
      log(`the queue could not be saved: ${String(error)}`);
    }
    this.tellJobs();
    this.watchIdle();
  }

  private watchIdle(): void {
    clearTimeout(this.idle);
    if (this.queue.isBusy || this.server.size > 0) return;
    this.idle = setTimeout(() => void this.end(), this.settings.idleMs ?? IDLE_MS);
  }

  private handlers(): ServiceHandlers {
    return {
      submit: (params) => {
        const work = decodeWork(params.work, 'The work');
        expectAbsolute(work);
        const id = this.queue.submit(work, params.title);
        try {
          // On disk before it is promised: a crash must not lose it.
          saveQueue(this.settings.stateDir, this.queue.unfinished());
        } catch (error) {
          this.queue.withdraw(id);
          throw error;
        }
        this.runner.next();
        this.changed();
        return { id };
      },
      jobs: () => this.queue.list(),
      cancel: ({ id }) => {
        if (!this.queue.withdraw(id)) this.runner.stop();
        this.changed();
        return {};
      },
      finishSearch: async ({ id }) => {
        await this.runner.finishSearch(id);
        return {};
      },
      move: ({ id, to }) => {
        this.queue.move(id, to);
        this.changed();
        return {};
      },
      inspect: ({ path }, { signal }) => {
        expectAbsolutePath(path);
        return this.helper.request(engineApi.inspect, { path }, signal);
      },
      estimate: ({ configPath }, { signal }) => {
        expectAbsolutePath(configPath);
        return this.helper.request(engineApi.estimate, { configPath }, signal);
      },
      devices: () => this.knownDevices(),
    };
  }

  /** Tried once: hardware does not change under a service, and a busy device looks slow. */
  private knownDevices(): Promise<readonly DeviceReport[]> {
    this.devices ??= this.helper.request(engineApi.devices, {}).catch((error: unknown) => {
      this.devices = undefined;
      throw error;
    });
    return this.devices;
  }
}

/** What the process prints goes to service.log. */
function log(text: string): void {
  console.log(`${new Date().toISOString()} ${text}`);
}
