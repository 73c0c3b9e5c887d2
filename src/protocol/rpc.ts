import {
  CancellationTokenSource,
  ResponseError,
  type CancellationToken,
  type MessageConnection,
} from 'vscode-jsonrpc';
import type { Api, EventDescriptor, RequestDescriptor } from './descriptors.ts';
import { EngineError } from './errors.ts';
import { memoryError } from './memoryError.ts';
import { fromWireError, toWireError } from './wireError.ts';

// The words of an API are a file of their own, so that a dashboard need not carry the RPC library.
export { event, request } from './descriptors.ts';
export type { Api, EventDescriptor, RequestDescriptor } from './descriptors.ts';

/** What a handler is given beside its parameters. */
export interface CallContext {
  /** Raised when the caller cancels or goes away. */
  readonly signal: AbortSignal;
}

/** One function per request of an API: a missing one, or a wrong answer, does not compile. */
export type Handlers<A> = {
  readonly [
    K in keyof A as A[K] extends { readonly kind: 'request' } ? K : never
  ]: A[K] extends RequestDescriptor<infer P, infer R>
    ? (params: P, context: CallContext) => Promise<R> | R
    : never;
};

/**
 * Answers the requests of an API.
 *
 * A handler that throws always answers: an {@link EngineError} arrives as one, anything else as a
 * bug with its stack. When the connection closes, the signal of every running handler is raised.
 * @param api  the descriptors
 * @param connection  not yet listening; the caller calls `listen()` afterwards
 * @param handlers  one function per request
 */
export function serve<A extends Api>(
  api: A,
  connection: MessageConnection,
  handlers: Handlers<A>,
): void {
  const running = new Set<AbortController>();
  const stopAll = (): void => {
    for (const controller of running) controller.abort();
  };
  connection.onClose(stopAll);
  connection.onDispose(stopAll);
  const table = handlers as unknown as Record<string, Handler>;
  for (const [name, descriptor] of Object.entries(api)) {
    if (descriptor.kind !== 'request') continue;
    const handler = table[name];
    if (handler === undefined) throw new Error(`No handler for request "${name}".`);
    connection.onRequest(descriptor.method, (params: unknown, token: CancellationToken) =>
      answer(handler, params, token, running),
    );
  }
}

/** The asking end of a connection. */
export class Remote {
  private readonly connection: MessageConnection;
  private readonly pending = new Set<(error: Error) => void>();
  /** Listeners by event; the connection itself keeps only the last one of a name. */
  private readonly listeners = new Map<string, Set<(payload: unknown) => void>>();
  private closedBecause: Error | undefined;

  /** @param connection  not yet listening; the caller calls `listen()` afterwards */
  constructor(connection: MessageConnection) {
    this.connection = connection;
    connection.onClose(() => {
      this.close(connectionLost());
    });
  }

  /**
   * Asks and waits.
   * @param descriptor  the request
   * @param params  plain data
   * @param signal  raising it cancels the request at the other end, which then answers
   * @returns the answer
   * @throws EngineError as thrown there, `run` when the connection closes; Error for a bug there
   */
  request<P, R>(descriptor: RequestDescriptor<P, R>, params: P, signal?: AbortSignal): Promise<R> {
    if (this.closedBecause !== undefined) return Promise.reject(this.closedBecause);
    const source = new CancellationTokenSource();
    const cancel = (): void => {
      source.cancel();
    };
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    return new Promise<R>((resolve, reject) => {
      this.pending.add(reject);
      this.connection
        .sendRequest<R>(descriptor.method, params, source.token)
        .then(resolve, (error: unknown) => {
          reject(this.closedBecause ?? fromWireError(error));
        })
        .finally(() => {
          this.pending.delete(reject);
          signal?.removeEventListener('abort', cancel);
          source.dispose();
        });
    });
  }

  /** Calls the listener with each payload of an event; the returned function stops that. */
  on<P>(descriptor: EventDescriptor<P>, listener: (payload: P) => void): () => void {
    const listeners = this.listenersOf(descriptor.method);
    // A wrapper of its own, so that a function that listens twice is told twice.
    const own = (payload: unknown): void => {
      listener(payload as P);
    };
    listeners.add(own);
    return () => {
      listeners.delete(own);
    };
  }

  /** Rejects everything pending and everything asked later. @param reason  what callers are told */
  close(reason: Error): void {
    if (this.closedBecause !== undefined) return;
    this.closedBecause = reason;
    for (const reject of this.pending) reject(reason);
    this.pending.clear();
    this.connection.dispose();
  }

  private listenersOf(method: string): Set<(payload: unknown) => void> {
    let listeners = this.listeners.get(method);
    if (listeners === undefined) {
      const all = new Set<(payload: unknown) => void>();
      this.connection.onNotification(method, (payload: unknown) => {
        for (const listener of [...all]) listener(payload);
      });
      this.listeners.set(method, all);
      listeners = all;
    }
    return listeners;
  }
}

/** Tells the other side; silently does nothing once the connection is gone. */
export function notify<P>(
  connection: MessageConnection,
  descriptor: EventDescriptor<P>,
  payload: P,
): void {
  connection.sendNotification(descriptor.method, payload).catch(() => undefined);
}

type Handler = (params: unknown, context: CallContext) => unknown;

async function answer(
  handler: Handler,
  params: unknown,
  token: CancellationToken,
  running: Set<AbortController>,
): Promise<unknown> {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
  };
  if (token.isCancellationRequested) abort();
  const registration = token.onCancellationRequested(abort);
  running.add(controller);
  try {
    // A void answer must still be an answer: JSON has no undefined.
    return (await handler(params, { signal: controller.signal })) ?? null;
  } catch (error) {
    const wire = toWireError(memoryError(error));
    return new ResponseError(wire.number, wire.message, wire.data);
  } finally {
    running.delete(controller);
    registration.dispose();
  }
}

function connectionLost(): EngineError {
  return new EngineError('run', {
    what: 'The engine process',
    expected: 'an answer',
    found: 'a closed connection',
    action: 'Start again; a run continues with "subnet resume RUN".',
    sentence: 'The engine closed the connection before it answered.',
  });
}
