import { acceptsValue } from './acceptsValue.ts';
import { parseJson } from './decode.ts';
import { EngineError } from './errors.ts';
import {
  eventStampSchema,
  runEventSchemas,
  type RunEvent,
  type UnknownRunEvent,
} from './runEvent.ts';

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
    const event = eventOfLine(line, what);
    if (event === undefined) damaged++;
    else events.push(event);
  }
  return { events, damaged };
}

/**
 * The event of a line; one of a kind that this version does not know comes back as `unknown`, whole.
 * @returns undefined for a damaged one, as fast as for a good one
 */
function eventOfLine(line: string, what: string): RunEvent | UnknownRunEvent | undefined {
  let value: unknown;
  try {
    value = parseJson(line, what);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
  if (!acceptsValue(eventStampSchema, value)) return undefined;
  const { kind, seq, timeMs } = value;
  if (isKnown(kind)) {
    return acceptsValue(runEventSchemas[kind], value) ? value : undefined;
  }
  return { kind: 'unknown', seq, timeMs, original: value };
}

function isKnown(kind: string): kind is keyof typeof runEventSchemas {
  return Object.hasOwn(runEventSchemas, kind);
}
