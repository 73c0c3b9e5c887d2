import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc';

/** Anything that posts structured data and tells what was posted to it: a webview, a worker, a page. */
export interface Endpoint {
  /** Sends plain data, typed arrays included. Never throws. */
  post(message: unknown): void;
  /** Calls the listener with all that arrives; the returned function stops that. */
  onMessage(listener: (message: unknown) => void): () => void;
}

/**
 * A connection over an endpoint, for the same RPC that runs between processes.
 *
 * What is no JSON-RPC message is dropped and told to `onStray`: other code may post to the same page.
 * @param endpoint  the caller closes it after disposing the connection
 */
export function postMessageConnection(
  endpoint: Endpoint,
  onStray: (message: unknown) => void = () => undefined,
): MessageConnection {
  return createMessageConnection(
    new EndpointReader(endpoint, onStray),
    new EndpointWriter(endpoint),
  );
}

class EndpointReader extends AbstractMessageReader implements MessageReader {
  private readonly endpoint: Endpoint;
  private readonly onStray: (message: unknown) => void;

  constructor(endpoint: Endpoint, onStray: (message: unknown) => void) {
    super();
    this.endpoint = endpoint;
    this.onStray = onStray;
  }

  listen(callback: DataCallback): Disposable {
    const stop = this.endpoint.onMessage((message) => {
      if (isRpcMessage(message)) callback(message);
      else this.onStray(message);
    });
    return { dispose: stop };
  }
}

class EndpointWriter extends AbstractMessageWriter implements MessageWriter {
  private readonly endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    super();
    this.endpoint = endpoint;
  }

  write(message: Message): Promise<void> {
    this.endpoint.post(message);
    return Promise.resolve();
  }

  end(): void {
    // The endpoint belongs to the caller.
  }
}

/** Guards the RPC library, which would answer rubbish with an error to nobody. */
function isRpcMessage(message: unknown): message is Message {
  if (typeof message !== 'object' || message === null) return false;
  const { jsonrpc, method, id } = message as Record<string, unknown>;
  const hasId = typeof id === 'number' || typeof id === 'string';
  return jsonrpc === '2.0' && (typeof method === 'string' || hasId);
}
