import { decodeValue, parseJson } from './decode.ts';
import { EngineError } from './errors.ts';
import {
  eventStampSchema,
  runEventSchemas,
  type RunEvent,
  type UnknownRunEvent,
} from './runEvent.ts';

/**
 * Checks one event from a file or a wire.
 * @returns the event; one of a kind this version does not know comes back as `unknown`, whole
 * @throws EngineError `decode` for anything that is no event
 */
export function decodeRunEvent(value: unknown, what: string): RunEvent | UnknownRunEvent {
  const stamp = decodeValue(eventStampSchema, value, what);
  const { kind } = stamp;
  if (!isKnown(kind)) {
    const original = value as Record<string, unknown>;
    return { kind: 'unknown', seq: stamp.seq, timeMs: stamp.timeMs, original };
  }
  return { ...decodeValue(runEventSchemas[kind], value, what), ...stamp } as RunEvent;
}

/**
 * Decodes the lines of `events.jsonl`.
 * @param lines  whole lines; a damaged one in the middle is counted, not fatal, so that one bad
 *   sector does not hide a run
 * @returns events in the order of the file and the number of lines left out
 */
export function decodeEventLines(
  lines: readonly string[],
  what: string,
): { readonly events: readonly (RunEvent | UnknownRunEvent)[]; readonly damaged: number } {
  const events: (RunEvent | UnknownRunEvent)[] = [];
  let damaged = 0;
  for (const line of lines) {
    try {
      events.push(decodeRunEvent(parseJson(line, what), what));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      damaged++;
    }
  }
  return { events, damaged };
}

function isKnown(kind: string): kind is keyof typeof runEventSchemas {
  return Object.hasOwn(runEventSchemas, kind);
}
