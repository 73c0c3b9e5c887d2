/**
 * Runs work, then releases what it used. An error of the release never hides one of the work.
 * @param release  runs whether the work returned or threw
 * @returns what the work returned
 * @throws what the work threw; else what the release threw
 */
export function withRelease<T>(work: () => T, release: () => void): T {
  let result: T;
  try {
    result = work();
  } catch (error) {
    releaseQuietly(release);
    throw error;
  }
  release();
  return result;
}

/** As {@link withRelease}, for work that takes its time. */
export async function withReleaseAsync<T>(
  work: () => Promise<T>,
  release: () => Promise<void> | void,
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    try {
      await release();
    } catch {
      // The error of the work is the reason; this one is its consequence.
    }
    throw error;
  }
  await release();
  return result;
}

/** Releases something whose failure nobody can act on. Never throws. */
export function releaseQuietly(release: () => void): void {
  try {
    release();
  } catch {
    // The work before it has failed, or succeeded, for reasons of its own.
  }
}

/** Closes a file that was only read. Never throws: what was read is there. */
export async function closeQuietly(file: { close(): Promise<void> }): Promise<void> {
  await file.close().catch(() => undefined);
}
