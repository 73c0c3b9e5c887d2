import { EngineError } from '../../protocol/errors.ts';
import type { CutPlaces } from './cutPlaces.ts';
import { LETTERS } from './letters.ts';

/** A piece of a text with a few characters around it, so that its ends are seen as they are. */
export interface TextWindow {
  readonly text: string;
  /** UTF-16 units at the start that belong to the context, not to the piece. */
  readonly before: number;
  /** The same at the end. */
  readonly after: number;
}

/** A text in parts that join to it, such as a string, a list, or a file as it is read. */
export type TextChunks = string | Iterable<string> | AsyncIterable<string>;

/** UTF-16 units per piece: short ones keep merging fast and let a cancel through. */
export const PIECE_UNITS = 8192;
/** Most UTF-16 units of one piece; the library takes some 300 bytes for each. */
export const MOST_PIECE_UNITS = 4_000_000;

/** A place to cut at, from a character before it to one after it. */
const WORD_CUT = `[${LETTERS}](?= [${LETTERS}])`;
const LINE_CUT = `\n(?=[${LETTERS}])`;

/**
 * Cuts a text into pieces, each at the first place to cut after some length.
 *
 * @param chunks  the text; chunks may end anywhere, even inside a character
 * @param cuts    where this tokenizer's texts may be cut
 * @param units   least length of a piece but the last, UTF-16 units
 * @returns windows whose pieces join to the text
 * @throws EngineError `text` when a piece would be longer than {@link MOST_PIECE_UNITS}
 */
export async function* textWindows(
  chunks: TextChunks,
  cuts: CutPlaces,
  units: number,
): AsyncGenerator<TextWindow, void, void> {
  const places = [...(cuts.words ? [WORD_CUT] : []), ...(cuts.lines ? [LINE_CUT] : [])];
  const place = places.length === 0 ? undefined : new RegExp(places.join('|'), 'g');
  let text = '';
  let start = 0;
  /** Where to look for a place next; what lies before has none. */
  let from = units;
  let context = '';
  for await (const chunk of typeof chunks === 'string' ? [chunks] : chunks) {
    text = text.slice(start) + chunk;
    from -= start;
    start = 0;
    for (;;) {
      const end = place === undefined ? undefined : nextPlace(place, text, from);
      if (end === undefined) break;
      checkLength(end - start, true);
      const isLine = text[end - 1] === '\n';
      const after = isLine ? 1 : 2;
      yield {
        text: context + text.slice(start, end + after),
        before: context.length,
        after,
      };
      // A line break alone might be stripped from the start of a text; a letter is not.
      context = isLine ? 'a\n' : text[end - 1]!;
      start = end;
      from = end + units;
    }
    // A place needs two characters after the one it is found by.
    from = Math.max(from, text.length - 2);
    checkLength(text.length - start, place !== undefined);
  }
  if (start < text.length) {
    yield { text: context + text.slice(start), before: context.length, after: 0 };
  }
}

/** The next place to cut at, from a position on; undefined when the text has none. */
function nextPlace(place: RegExp, text: string, from: number): number | undefined {
  place.lastIndex = from;
  const found = place.exec(text);
  return found === null ? undefined : found.index + 1;
}

function checkLength(length: number, cuttable: boolean): void {
  if (length <= MOST_PIECE_UNITS) return;
  const most = MOST_PIECE_UNITS.toLocaleString('en');
  if (!cuttable) {
    throw new EngineError('text', {
      what: 'The text',
      expected: `at most ${most} characters, because this tokenizer needs the whole text at once`,
      found: 'more',
      action: 'Use a part of the text.',
      sentence: `The text has more than ${most} characters, and this tokenizer needs the whole text at once.`,
    });
  }
  throw new EngineError('text', {
    what: 'The text',
    expected: `a space or a line break between letters within ${most} characters`,
    found: 'none',
    action: 'Use a text with spaces or lines.',
    sentence: `The text has no space or line break between letters within ${most} characters.`,
  });
}
