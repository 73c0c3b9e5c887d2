/** Something that took time to make. */
export interface Timed<T> {
  readonly value: T;
  /** Milliseconds. */
  readonly ms: number;
}

/** Awaits work that has just begun and says how long it took. */
export async function timed<T>(work: Promise<T>): Promise<Timed<T>> {
  const start = performance.now();
  const value = await work;
  return { value, ms: performance.now() - start };
}
