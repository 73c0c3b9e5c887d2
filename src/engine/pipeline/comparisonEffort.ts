import type { Runner } from '../graphs/runner.ts';

/** What something took to make. */
export interface Effort {
  readonly seconds: number;
  /** Tokens that went through the model, see {@link Runner.tokensForwarded}. */
  readonly tokens: number;
}

/** Something and what it took. */
export interface Measured<T> {
  readonly value: T;
  readonly effort: Effort;
}

/** Does some work and says what it took. */
export async function measured<T>(
  forward: Pick<Runner, 'tokensForwarded'>,
  work: () => Promise<T>,
): Promise<Measured<T>> {
  const [start, before] = [performance.now(), forward.tokensForwarded];
  const value = await work();
  const seconds = (performance.now() - start) / 1000;
  return { value, effort: { seconds, tokens: forward.tokensForwarded - before } };
}

/** The sum of some efforts. */
export function sumOf(efforts: readonly Effort[]): Effort {
  return efforts.reduce(
    (sum, { seconds, tokens }) => ({
      seconds: sum.seconds + seconds,
      tokens: sum.tokens + tokens,
    }),
    { seconds: 0, tokens: 0 },
  );
}
