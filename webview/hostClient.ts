import type { EventDescriptor, RequestDescriptor } from '../src/protocol/descriptors.ts';
import { EngineError, type ErrorCode, type Problem } from '../src/protocol/errors.ts';
import type { Endpoint } from '../src/protocol/postMessageConnection.ts';

/** The asking end of the page's connection to its host. */
export interface HostClient {
  /** Asks and waits. Rejects with an `EngineError` as thrown there, or an `Error` for a bug there. */
  request<P, R>(descriptor: RequestDescriptor<P, R>, params: P): Promise<R>;
  /** Calls the listener with each payload of an event. */
  on<P>(descriptor: EventDescriptor<P>, listener: (payload: P) => void): void;
}

/**
 * Speaks the JSON-RPC of `src/protocol/rpc.ts` as far as a page needs it: it asks and listens, and is
 * never asked. The library the other ends use is as large as all views together.
 * @param endpoint  carries messages; what arrives is not trusted to be one
 */
export function createHostClient(endpoint: Endpoint): HostClient {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, (payload: unknown) => void>();
  let last = 0;
  endpoint.onMessage((message) => {
    if (!isMessage(message)) return;
    if (typeof message.method === 'string') return listeners.get(message.method)?.(message.params);
    const asked = typeof message.id === 'number' ? pending.get(message.id) : undefined;
    if (asked === undefined) return;
    pending.delete(message.id as number);
    if (message.error === undefined) asked.resolve(message.result);
    else asked.reject(errorOf(message.error));
  });
  return {
    request: <P, R>({ method }: RequestDescriptor<P, R>, params: P) =>
      new Promise<R>((resolve, reject) => {
        const id = ++last;
        pending.set(id, { resolve: resolve, reject });
        endpoint.post({ jsonrpc: '2.0', id, method, params });
      }),
    on: ({ method }, listener) => {
      listeners.set(method, listener as (payload: unknown) => void);
    },
  };
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'jsonrpc' in value;
}

/** The error as it was thrown at the other end. */
function errorOf(error: unknown): Error {
  const { message, data } = error as { message?: unknown; data?: unknown };
  const words =
    typeof message === 'string' ? message : 'The extension did not say what went wrong.';
  const { code, problem } = (data ?? {}) as { code?: ErrorCode; problem?: Problem };
  if (code === undefined || problem === undefined) return new Error(words);
  return new EngineError(code, problem);
}
