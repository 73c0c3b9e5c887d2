import { fork, type ChildProcess } from 'node:child_process';
import { IPCMessageReader, IPCMessageWriter, createMessageConnection } from 'vscode-jsonrpc/node';
import { engineApi } from '../protocol/engineApi.ts';
import type { EngineError } from '../protocol/errors.ts';
import { Remote, type EventDescriptor, type RequestDescriptor } from '../protocol/rpc.ts';
import { ChildOutput } from './childOutput.ts';
import { crashError, handshakeError, silenceError } from './clientErrors.ts';

/** How to start an engine process. */
export interface EngineClientOptions {
  /** The program: dist/engine.cjs, or its source when this process runs TypeScript itself. */
  readonly entry: string;
  /** Node options of the child; absent: those of this process. */
  readonly execArgv?: readonly string[];
  /** Time until the first answer, ms. */
  readonly handshakeMs?: number;
  /**
   * Time without any sign of life after which the process counts as hung, ms. One native call
   * blocks its event loop, so this must be far longer than the longest one.
   */
  readonly silenceMs?: number;
}

/** Loading TypeScript on a slow disk takes seconds; anything longer is a failure. */
const HANDSHAKE_MS = 60_000;
/** Ten times the longest single native call we know of (a solve at n = 11008). */
const SILENCE_MS = 600_000;
/** Politeness of {@link EngineClient.stop}, ms: to end by itself, then after SIGTERM. */
const LADDER_MS = [2_000, 3_000] as const;

/** Time for the last words of a process that has ended, ms. */
const LAST_OUTPUT_MS = 250;

/** A running engine process, seen from the host. */
export class EngineClient {
  private readonly child: ChildProcess;
  private readonly remote: Remote;
  private readonly output = new ChildOutput();
  private readonly ended: Promise<void>;
  private readonly silenceMs: number;
  private heartbeat: NodeJS.Timeout | undefined;
  private lastSignMs = performance.now();

  private constructor(options: EngineClientOptions) {
    this.silenceMs = options.silenceMs ?? SILENCE_MS;
    this.child = fork(options.entry, [], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'json',
      execArgv: [...(options.execArgv ?? inheritedOptions())],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream !== null) this.output.follow(stream);
    }
    // Before the connection's own listener: the reason of an end is worth more than "closed".
    this.ended = this.watchEnd();
    this.child.on('message', () => {
      this.lastSignMs = performance.now();
    });
    const connection = createMessageConnection(
      new IPCMessageReader(this.child),
      new IPCMessageWriter(this.child),
    );
    // A message that cannot be sent means that the child is going; its end is told below.
    connection.onError(() => undefined);
    this.remote = new Remote(connection);
    this.remote.on(engineApi.runEvent, (event) => {
      if (event.kind === 'runStarted') this.output.logTo(event.folder);
    });
    connection.listen();
  }

  /**
   * Starts an engine process and waits until it answers.
   * @throws EngineError `run` when it does not, with the last lines it printed
   */
  static async start(options: EngineClientOptions): Promise<EngineClient> {
    const client = new EngineClient(options);
    const limitMs = options.handshakeMs ?? HANDSHAKE_MS;
    const timer = setTimeout(() => {
      client.fail(handshakeError(limitMs, client.output.lastLines()));
    }, limitMs);
    try {
      await client.request(engineApi.ping, {});
    } finally {
      clearTimeout(timer);
    }
    client.watchSilence();
    return client;
  }

  /** Process id of the engine; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** False once the process has ended or is being ended. */
  get isConnected(): boolean {
    return this.child.connected;
  }

  /**
   * Asks the engine.
   * @param signal  raising it cancels the work; the answer is then the `cancelled` error
   * @throws EngineError as the engine threw it; `run` when the process ends or hangs
   */
  request<P, R>(descriptor: RequestDescriptor<P, R>, params: P, signal?: AbortSignal): Promise<R> {
    return this.remote.request(descriptor, params, signal);
  }

  /** Calls the listener with each event; the returned function stops that. */
  on<P>(descriptor: EventDescriptor<P>, listener: (payload: P) => void): () => void {
    return this.remote.on(descriptor, listener);
  }

  /** Ends the process: asks, then insists (SIGTERM), then forces (SIGKILL). Never throws. */
  async stop(): Promise<void> {
    clearInterval(this.heartbeat);
    if (this.child.connected) this.child.disconnect();
    if (await this.endsWithin(LADDER_MS[0])) return;
    this.child.kill('SIGTERM');
    if (await this.endsWithin(LADDER_MS[1])) return;
    this.kill();
    await this.ended;
  }

  /** Ends the process at once; its run folder stays readable. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Rejects everything pending and ends the process. */
  private fail(error: EngineError): void {
    this.remote.close(error);
    void this.stop();
  }

  private watchEnd(): Promise<void> {
    return new Promise((resolve) => {
      const end = (error: EngineError): void => {
        clearInterval(this.heartbeat);
        this.remote.close(error);
        resolve();
      };
      this.child.once('error', (error) => {
        if (this.child.pid === undefined) end(crashError(null, null, [error.message]));
      });
      const tell = (code: number | null, signal: NodeJS.Signals | null): void => {
        end(crashError(code, signal, this.output.lastLines()));
      };
      // "close" comes once stdout and stderr are read to their end, but never after a disconnect
      // from this side, so it is not waited for long.
      this.child.once('close', tell);
      this.child.once('exit', (code, signal) => {
        setTimeout(tell, LAST_OUTPUT_MS, code, signal);
      });
    });
  }

  private watchSilence(): void {
    const everyMs = Math.min(10_000, this.silenceMs / 4);
    this.heartbeat = setInterval(() => {
      const silentMs = performance.now() - this.lastSignMs;
      if (silentMs > this.silenceMs) this.fail(silenceError(silentMs));
      else this.request(engineApi.ping, {}).catch(() => undefined);
    }, everyMs);
    this.heartbeat.unref();
  }

  private endsWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(false);
      }, ms);
      void this.ended.then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}

/** Loaders are inherited, so that sources run from source; debuggers and test runners are not. */
function inheritedOptions(): string[] {
  return process.execArgv.filter((option) => !/^--(inspect|test)/.test(option));
}
