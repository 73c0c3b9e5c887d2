import { takeRunLock } from '../../src/engine/runs/runLock.ts';

// Asks for the lock of a folder, says whether it got it, and keeps it until it is told to go.
let lock: ReturnType<typeof takeRunLock> | undefined;
process.once('message', () => {
  lock?.release();
  process.disconnect();
});
try {
  lock = takeRunLock(process.argv[2]!);
  process.send?.('held');
} catch (error) {
  process.send?.(error instanceof Error ? error.message : String(error));
}
