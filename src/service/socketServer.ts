import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import {
  SocketMessageReader,
  SocketMessageWriter,
  createMessageConnection,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import { checkedHandlers } from '../protocol/checkedHandlers.ts';
import { EngineError } from '../protocol/errors.ts';
import { notify, serve, type EventDescriptor, type Handlers } from '../protocol/rpc.ts';
import { SERVICE_PROTOCOL, serviceApi } from '../protocol/serviceApi.ts';
import { serviceParams } from '../protocol/serviceParams.ts';

/** What the service answers, besides `hello`. */
export type ServiceHandlers = Omit<Handlers<typeof serviceApi>, 'hello'>;

/** How connections are let in. */
export interface SocketServerOptions {
  readonly token: string;
  readonly version: string;
  /** Time for the first message of a connection, ms. */
  readonly helloMs?: number;
  /** Told whenever a client came or went. */
  readonly onClients: () => void;
}

/** A program that speaks our language says hello at once. */
const HELLO_MS = 5_000;
/** Bytes that a connection may send before it has said hello; a hello takes 200. */
const MOST_STRANGER_BYTES = 65_536;
/** Bytes that a client may leave unread before it is let go. */
const MOST_UNREAD_BYTES = 16_000_000;
/** Time for a refusal to be read before the connection is closed, ms. */
const REFUSAL_MS = 200;

/**
 * The service's end of its socket: lets in who knows the token, then answers and tells events.
 * The socket's folder keeps other users out; the token keeps out what merely finds the socket.
 */
export class SocketServer {
  private readonly server: Server;
  private readonly options: SocketServerOptions;
  private readonly handlers: ServiceHandlers;
  private readonly sockets = new Set<Socket>();
  private readonly clients = new Set<MessageConnection>();

  constructor(handlers: ServiceHandlers, options: SocketServerOptions) {
    this.handlers = handlers;
    this.options = options;
    this.server = createServer((socket) => {
      this.accept(socket);
    });
  }

  /** What a client has to know to be let in. */
  get token(): string {
    return this.options.token;
  }

  /** Number of clients that were let in and are still there. */
  get size(): number {
    return this.clients.size;
  }

  /** Starts to listen. @param path  see `newSocketPlace` */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(path, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  /** Tells every client. */
  broadcast<P>(descriptor: EventDescriptor<P>, payload: P): void {
    for (const client of this.clients) notify(client, descriptor, payload);
    for (const socket of this.sockets) {
      // A client that no longer reads would keep every list of jobs in our memory.
      if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
    }
  }

  /** Lets nobody in any more and closes every connection. */
  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    // A client that was killed resets its connection; "close" follows.
    socket.on('error', () => undefined);
    const connection = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    connection.onError(() => undefined);
    const timer = setTimeout(() => socket.destroy(), this.options.helloMs ?? HELLO_MS);
    let strangerBytes = 0;
    socket.on('data', (bytes) => {
      if (this.clients.has(connection)) return;
      strangerBytes += bytes.length;
      if (strangerBytes > MOST_STRANGER_BYTES) socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      this.sockets.delete(socket);
      connection.dispose();
      if (this.clients.delete(connection)) this.options.onClients();
    });
    const refuse = (error: EngineError): never => {
      setTimeout(() => socket.destroy(), REFUSAL_MS);
      throw error;
    };
    const letIn = (): void => {
      clearTimeout(timer);
      this.clients.add(connection);
      this.options.onClients();
    };
    const handlers: Handlers<typeof serviceApi> = {
      ...this.guarded(connection, refuse),
      hello: ({ token, protocol }) => {
        if (!isEqual(token, this.options.token)) return refuse(notKnown());
        if (protocol !== SERVICE_PROTOCOL) return refuse(otherProtocol(protocol));
        letIn();
        return { pid: process.pid, version: this.options.version, protocol: SERVICE_PROTOCOL };
      },
    };
    // Whoever asks is told what is wrong with the question; there is nothing to add here.
    serve(
      serviceApi,
      connection,
      checkedHandlers(handlers, serviceParams, () => undefined),
    );
    connection.listen();
  }

  /** The handlers, each refusing who has not said hello. */
  private guarded(
    connection: MessageConnection,
    refuse: (error: EngineError) => never,
  ): ServiceHandlers {
    const guard = ([name, handler]: readonly [string, unknown]): [string, unknown] => [
      name,
      (...args: unknown[]) =>
        this.clients.has(connection)
          ? (handler as (...args: unknown[]) => unknown)(...args)
          : refuse(noHello()),
    ];
    return Object.fromEntries(
      Object.entries(this.handlers).map(guard),
    ) as unknown as ServiceHandlers;
  }
}

function isEqual(given: unknown, wanted: string): boolean {
  if (typeof given !== 'string') return false;
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function notKnown(): EngineError {
  return new EngineError('run', {
    what: 'The engine service',
    expected: 'the token from its record',
    found: 'another one',
    action: 'Connect again; the service was started anew.',
    sentence: 'The engine service was sent another token than the one in its record.',
  });
}

function noHello(): EngineError {
  return new EngineError('run', {
    what: 'The engine service',
    expected: '"hello" as the first message',
    found: 'another request',
    action: 'Report this: it is a bug.',
    sentence: 'The engine service was sent another request before "hello".',
  });
}

function otherProtocol(protocol: unknown): EngineError {
  return new EngineError('run', {
    what: 'The engine service that is running',
    expected: `an extension that speaks its protocol ${SERVICE_PROTOCOL}`,
    found: `one that speaks ${String(protocol)}`,
    action: 'Wait until its runs have ended, close all windows for a minute, and try again.',
    sentence: `The engine service that is running speaks protocol ${SERVICE_PROTOCOL}; this extension speaks ${String(protocol)}.`,
  });
}
