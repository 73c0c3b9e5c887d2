import { EngineError } from './errors.ts';

/** How V8 and ONNX Runtime say that there is no room for what was asked for. */
const NO_ROOM =
  /Array buffer allocation failed|Failed to allocate memory|bad_alloc|Cannot create a Buffer larger|out of memory/i;

/**
 * The user's message for an allocation that failed, which no code can foresee.
 * @returns an EngineError `memory`; any other error comes back unchanged
 */
export function memoryError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof EngineError) return error;
  if (!NO_ROOM.test(error.message)) return error;
  return new EngineError(
    'memory',
    {
      what: 'The memory of this machine',
      expected: 'room for the work',
      found: error.message,
      action:
        'Close other programs, or take fewer or shorter calibration windows; a dry run tells how much a run needs.',
      sentence: 'There is not enough memory for this work.',
    },
    { cause: error },
  );
}
