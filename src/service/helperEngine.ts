import type { RequestDescriptor } from '../protocol/rpc.ts';
import { EngineClient, type EngineClientOptions } from '../server/client.ts';

/** Time without a question after which the helper ends, ms: its libraries take memory. */
const IDLE_MS = 20_000;

/**
 * An engine for short questions, beside the one that works: it comes with the first question and
 * goes when there were none for a while.
 */
export class HelperEngine {
  private readonly options: EngineClientOptions;
  private readonly idleMs: number;
  private client: Promise<EngineClient> | undefined;
  private asking = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: EngineClientOptions, idleMs: number = IDLE_MS) {
    this.options = options;
    this.idleMs = idleMs;
  }

  /** Asks. @throws EngineError as the engine threw it; `run` when it cannot be started or crashes */
  async request<P, R>(
    descriptor: RequestDescriptor<P, R>,
    params: P,
    signal?: AbortSignal,
  ): Promise<R> {
    clearTimeout(this.timer);
    this.asking++;
    const client = (this.client ??= EngineClient.start(this.options));
    try {
      return await (await client).request(descriptor, params, signal);
    } catch (error) {
      // One that cannot answer a ping is of no use to the next question.
      if (!(await isAlive(client)) && this.client === client) this.client = undefined;
      throw error;
    } finally {
      if (--this.asking === 0) this.restLater();
    }
  }

  /** Ends the helper. Never throws. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    await client?.then(
      (one) => one.stop(),
      () => undefined,
    );
  }

  private restLater(): void {
    this.timer = setTimeout(() => void this.close(), this.idleMs);
    this.timer.unref();
  }
}

async function isAlive(client: Promise<EngineClient>): Promise<boolean> {
  try {
    return (await client).isConnected;
  } catch {
    return false;
  }
}
