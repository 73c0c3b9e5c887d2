import { connect, type Socket } from 'node:net';
import {
  SocketMessageReader,
  SocketMessageWriter,
  createMessageConnection,
} from 'vscode-jsonrpc/node';
import { EngineError } from '../protocol/errors.ts';
import { Remote, type EventDescriptor, type RequestDescriptor } from '../protocol/rpc.ts';
import { SERVICE_PROTOCOL, serviceApi } from '../protocol/serviceApi.ts';
import { readLiveRecord, type ServiceRecord } from './serviceRecord.ts';
import { ANOTHER_LIVES, lastLogLines, spawnService, type ServiceOptions } from './startService.ts';

/** Time for a service to be there, ms; a cold disk takes seconds. */
const START_MS = 30_000;
/** Time between two looks for it, ms. */
const LOOK_MS = 40;
/** Time before another one is started in place of one that ended in good order, ms. */
const AGAIN_MS = 500;
/** Time for an answer to "hello", ms. */
const HELLO_MS = 10_000;
/** Time between two signs of life, ms, and how many may stay away: it never works itself. */
const BEAT_MS = 10_000;
const MOST_MISSED = 6;

/** A host's connection to the engine service. */
export class ServiceClient {
  /** Process of the service. */
  readonly pid: number;
  private readonly socket: Socket;
  private readonly remote: Remote;
  private readonly beat: NodeJS.Timeout;
  private readonly listeners = new Set<() => void>();
  private missed = 0;
  private isClosed = false;

  private constructor(pid: number, socket: Socket) {
    this.pid = pid;
    this.socket = socket;
    // Before the connection's own listener, whose reason is that of an engine.
    socket.once('close', () => {
      this.end(serviceGone());
    });
    const connection = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    connection.onError(() => undefined);
    this.remote = new Remote(connection);
    connection.listen();
    this.beat = setInterval(() => {
      this.askForLife();
    }, BEAT_MS);
    this.beat.unref();
  }

  /**
   * Connects to the service of a state folder if one lives; never starts one.
   * @returns undefined when none does
   * @throws EngineError `run` when it speaks another protocol
   */
  static async attach(
    options: Pick<ServiceOptions, 'stateDir'>,
  ): Promise<ServiceClient | undefined> {
    const record = readLiveRecord(options.stateDir);
    if (record === undefined) return undefined;
    if (record.protocol !== SERVICE_PROTOCOL) throw otherProtocol(record);
    const socket = await socketTo(record.socket);
    if (socket === undefined) return undefined;
    const client = new ServiceClient(record.pid, socket);
    const timer = setTimeout(() => {
      client.close();
    }, HELLO_MS);
    try {
      await client.request(serviceApi.hello, { token: record.token, protocol: SERVICE_PROTOCOL });
      return client;
    } catch (error) {
      const hasEnded = client.isClosed || readLiveRecord(options.stateDir)?.token !== record.token;
      client.close();
      // It was just going: to us it is not there.
      if (hasEnded) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Connects to the service of a state folder, which is started when none lives. It outlives this
   * process; started twice at once, both get the same one.
   * @throws EngineError `run` when it does not start, with the last lines it printed; `disk`
   */
  static async start(options: ServiceOptions): Promise<ServiceClient> {
    const deadline = performance.now() + START_MS;
    let isStarting = false;
    let failure: number | null | undefined;
    for (;;) {
      const found = await ServiceClient.attach(options);
      if (found !== undefined) return found;
      if (failure !== undefined) throw notStarted(options, `exit code ${String(failure)}`);
      if (performance.now() > deadline) throw notStarted(options, 'none in time');
      if (!isStarting) {
        isStarting = true;
        void spawnService(options).exit.then((code) => {
          // Ended because another one lives, or idle before we came: look, and try again.
          if (code !== ANOTHER_LIVES && code !== 0) failure = code;
          else setTimeout(() => (isStarting = false), AGAIN_MS);
        });
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /**
   * Asks the service.
   * @param signal  raising it cancels the question, not a job
   * @throws EngineError as the service threw it; `run` when the connection is lost
   */
  request<P, R>(descriptor: RequestDescriptor<P, R>, params: P, signal?: AbortSignal): Promise<R> {
    return this.remote.request(descriptor, params, signal);
  }

  /** Calls the listener with each event; the returned function stops that. */
  on<P>(descriptor: EventDescriptor<P>, listener: (payload: P) => void): () => void {
    return this.remote.on(descriptor, listener);
  }

  /** Calls the listener once the connection is lost or closed; the returned function stops that. */
  onClosed(listener: () => void): () => void {
    if (this.isClosed) queueMicrotask(listener);
    else this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Closes the connection; the service and its jobs go on. */
  close(): void {
    this.end(closedByUs());
  }

  private end(reason: EngineError): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.beat);
    this.remote.close(reason);
    this.socket.destroy();
    for (const listener of this.listeners) listener();
  }

  /** Beats are counted and not timed: a computer that slept has missed time, but no answer. */
  private askForLife(): void {
    if (this.missed >= MOST_MISSED) {
      this.end(serviceSilent());
      return;
    }
    this.missed++;
    this.request(serviceApi.jobs, {}).then(
      () => (this.missed = 0),
      () => undefined,
    );
  }
}

/** Undefined when nobody listens there. */
function socketTo(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      resolve(socket);
    });
    // Kept for as long as the socket lives: a reset is followed by "close", which is listened to.
    socket.on('error', () => {
      resolve(undefined);
    });
  });
}

function serviceGone(): EngineError {
  return new EngineError('run', {
    what: 'The engine service',
    expected: 'an answer',
    found: 'a closed connection',
    action: 'Try again: it is started anew when it is needed.',
    sentence: 'The engine service closed the connection before it answered.',
  });
}

function serviceSilent(): EngineError {
  return new EngineError('run', {
    what: 'The engine service',
    expected: 'a sign of life now and then',
    found: `none for ${(BEAT_MS * MOST_MISSED) / 1000} s`,
    action: 'End its process if it is still there, and try again.',
    sentence: `The engine service gave no sign of life for ${(BEAT_MS * MOST_MISSED) / 1000} s.`,
  });
}

function closedByUs(): EngineError {
  return new EngineError('run', {
    what: 'The connection to the engine service',
    expected: 'to be open',
    found: 'that it was closed',
    action: 'Connect again.',
    sentence: 'The connection to the engine service is closed.',
  });
}

function otherProtocol({ version, protocol }: ServiceRecord): EngineError {
  return new EngineError('run', {
    what: 'The engine service that is running',
    expected: `one that speaks protocol ${SERVICE_PROTOCOL}`,
    found: `version ${version}, which speaks protocol ${protocol}`,
    action: 'Wait until its runs have ended, close all windows for a minute, and try again.',
    sentence: `The engine service that is running is of version ${version} and speaks protocol ${protocol}; this extension speaks ${SERVICE_PROTOCOL}.`,
  });
}

function notStarted({ stateDir }: ServiceOptions, found: string): EngineError {
  const lines = lastLogLines(stateDir).map((line) => `\n  ${line}`);
  return new EngineError('run', {
    what: 'The engine service',
    expected: 'to start',
    found: `${found}${lines.length === 0 ? '' : `, after printing:${lines.join('')}\n`}`,
    action: `Look at service.log in ${stateDir}.`,
    sentence: `The engine service did not start: ${found}${lines.length === 0 ? '.' : `, after printing:${lines.join('')}\n`}`,
  });
}
