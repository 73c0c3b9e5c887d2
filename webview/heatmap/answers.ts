/** An answer that is awaited, there, or refused. */
export interface Loaded<T> {
  /** The answer; while a newer one is awaited, the one before it. */
  readonly value: T | null;
  readonly loading: boolean;
  /** Why there is none; null otherwise. */
  readonly failed: string | null;
}

/** Nothing, and nothing on its way. */
export const nothing: Loaded<never> = { value: null, loading: false, failed: null };

/** Answers to questions of a page, each asked for once. */
export interface Answers {
  /**
   * The answer to a question; asks when nobody did.
   * @param slot  place it is shown at; the answer before it stays in that place meanwhile
   * @param what  names the question among those about the run
   */
  readonly get: <T>(slot: string, run: string, what: string, ask: () => Promise<T>) => Loaded<T>;
  /** Asks again for what was refused. */
  readonly retry: () => void;
  readonly dispose: () => void;
}

/**
 * Makes a store of answers.
 * @param most  answers kept
 * @param changed  called after an answer came
 */
export function createAnswers(most: number, changed: () => void): Answers {
  const answers = new Map<string, Loaded<unknown>>();
  /** By slot: the run and the last answer shown there. */
  const shown = new Map<string, { readonly run: string; readonly value: unknown }>();
  let ended = false;

  const get = <T>(slot: string, run: string, what: string, ask: () => Promise<T>): Loaded<T> => {
    const key = `${run}\n${what}`;
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = { value: null, loading: true, failed: null };
      remember(key, answer);
      ask().then(
        (value) => {
          settle(key, { value, loading: false, failed: null });
        },
        (error: unknown) => {
          const failed = error instanceof Error ? error.message : String(error);
          settle(key, { value: null, loading: false, failed });
        },
      );
    }
    if (answer.value !== null) shown.set(slot, { run, value: answer.value });
    const before = shown.get(slot);
    if (!answer.loading || before?.run !== run) return answer as Loaded<T>;
    return { value: before.value as T, loading: true, failed: null };
  };
  const remember = (key: string, answer: Loaded<unknown>): void => {
    answers.delete(key);
    answers.set(key, answer);
    for (const old of answers.keys()) {
      if (answers.size <= most) break;
      answers.delete(old);
    }
  };
  const settle = (key: string, answer: Loaded<unknown>): void => {
    // One that was forgotten meanwhile is asked for again when it is needed again.
    if (ended || !answers.has(key)) return;
    remember(key, answer);
    changed();
  };

  return {
    get,
    retry() {
      for (const [key, { failed }] of answers) if (failed !== null) answers.delete(key);
      changed();
    },
    dispose() {
      ended = true;
      answers.clear();
      shown.clear();
    },
  };
}
