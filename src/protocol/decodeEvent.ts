import { acceptsValue } from './acceptsValue.ts';
import { MOST_JSON_DEPTH } from './bounds.ts';
import { isDeeperThan } from './decode.ts';
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
export function decodeEventLines(lines: readonly string[]): {
  readonly events: readonly (RunEvent | UnknownRunEvent)[];
  readonly damaged: number;
} {
  const events: (RunEvent | UnknownRunEvent)[] = [];
  let damaged = 0;
  for (const line of lines) {
    const event = eventOfLine(line);
    if (event === undefined) damaged++;
    else events.push(event);
  }
  return { events, damaged };
}

/**
 * The event of a line; one of a kind that this version does not know comes back as `unknown`, whole.
 * @returns undefined for a damaged one, as fast as for a good one
 */
function eventOfLine(line: string): RunEvent | UnknownRunEvent | undefined {
  if (isDeeperThan(line, MOST_JSON_DEPTH)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
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
