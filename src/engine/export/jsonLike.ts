import { visit } from 'jsonc-parser';

/** Stands before a whole number that is written with decimals, in a text that no JSON file holds. */
const MARK = '\u0001decimals:';
const MARKED = /"\\u0001decimals:(-?\d+)"/g;

/**
 * The text of a JSON file that goes back to another one. Whole numbers with decimals (30.0) keep
 * them where that file has them: Python reads another type without, which transformers refuses.
 *
 * @param value   what to write
 * @param source  bytes of the file it goes back to, UTF-8
 */
export function jsonLike(value: unknown, source: Uint8Array): string {
  const decimals = wholeDecimals(new TextDecoder().decode(source));
  const text = JSON.stringify(marked(value, [], decimals), null, 2);
  return `${text.replaceAll(MARKED, '$1.0')}\n`;
}

/** Places of whole numbers that a JSON text writes with decimals, as JSON lists of keys. */
function wholeDecimals(text: string): ReadonlySet<string> {
  const places = new Set<string>();
  visit(text, {
    onLiteralValue: (value, offset, length, _line, _character, pathOf) => {
      const isWhole = typeof value === 'number' && Number.isSafeInteger(value);
      if (isWhole && !/^-?\d+$/.test(text.slice(offset, offset + length))) {
        places.add(JSON.stringify(pathOf()));
      }
    },
  });
  return places;
}

function marked(
  value: unknown,
  place: readonly (string | number)[],
  decimals: ReadonlySet<string>,
): unknown {
  if (typeof value === 'number') {
    const keeps = Number.isSafeInteger(value) && decimals.has(JSON.stringify(place));
    return keeps ? `${MARK}${value}` : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one, i) => marked(one, [...place, i], decimals));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, marked(one, [...place, key], decimals)]),
  );
}
