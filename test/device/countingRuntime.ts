import {
  Runtime,
  type Session,
  type SessionOptions,
  type Tensor,
} from '../../src/engine/runtime/runtime.ts';

/** A runtime that remembers every device tensor it gave out. */
export class CountingRuntime extends Runtime {
  readonly #given = new Set<Tensor>();
  /** Tensors brought to the device on request. */
  uploads = 0;

  /** Device tensors that have not been freed. */
  alive(): number {
    return [...this.#given].filter((tensor) => tensor.location === 'gpu-buffer').length;
  }

  override async session(
    model: Uint8Array | string,
    options: SessionOptions = {},
  ): Promise<Session> {
    const session = await super.session(model, options);
    const run = session.run.bind(session);
    session.run = async (feeds, fetches) => {
      const outputs = await run(feeds, fetches);
      for (const tensor of Object.values(outputs)) this.#given.add(tensor);
      return outputs;
    };
    return session;
  }

  override upload(tensor: Tensor): Promise<Tensor> {
    this.uploads++;
    return super.upload(tensor);
  }
}
