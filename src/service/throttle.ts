/**
 * Calls an action at most once in a time: at once when it has rested, else at the end of the time.
 * @param action  what is done
 * @param everyMs  least time between two calls, ms
 * @returns asks for a call
 */
export function throttle(action: () => void, everyMs: number): () => void {
  let lastMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  const act = (): void => {
    timer = undefined;
    lastMs = performance.now();
    action();
  };
  return () => {
    if (timer !== undefined) return;
    const waitMs = lastMs + everyMs - performance.now();
    if (waitMs <= 0) act();
    else timer = setTimeout(act, waitMs);
  };
}
