/** Longest piece of a file's own text that an error message repeats, characters. */
const MAX_SHOWN = 120;

/**
 * A value from an untrusted file as short text for an error message.
 *
 * @param value  anything JSON can hold
 * @returns its JSON text, cut to {@link MAX_SHOWN} characters
 */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  // Only the start of a long string or list can be seen, so only that much is turned into text.
  if (typeof value === 'string') return cut(JSON.stringify(value.slice(0, MAX_SHOWN)));
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (isScalar(item) ? shown(item) : '…'));
    return cut(`[${items.join(', ')}${value.length > 8 ? ', …' : ''}]`);
  }
  if (typeof value === 'object' && value !== null) {
    return cut(`an object with the keys ${shown(Object.keys(value))}`);
  }
  return cut(JSON.stringify(value) ?? typeof value);
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
