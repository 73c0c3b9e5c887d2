import type { Runtime, Session, SessionOptions } from '../runtime/runtime.ts';

/**
 * The sessions of a model on one device, each made once: a session has threads and memory of its own,
 * so one for every pass or sublayer would end in hundreds. They live until they are closed.
 */
export class Sessions {
  readonly #runtime: Runtime;
  readonly #known = new Map<string, Promise<Session>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * The session of a graph.
   * @param key  names the graph; all that it depends on
   * @param build  makes the graph, the first time
   */
  of(key: string, build: () => Uint8Array, options?: SessionOptions): Promise<Session> {
    let session = this.#known.get(key);
    if (session === undefined) {
      session = this.#runtime.session(build(), options);
      this.#known.set(key, session);
    }
    return session;
  }

  /** Frees the native sessions with what they hold for the next run; later uses make new ones. */
  async close(): Promise<void> {
    const known = [...this.#known.values()];
    this.#known.clear();
    for (const session of known) await (await session).release();
  }
}
