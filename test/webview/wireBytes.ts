/**
 * A message as text. Typed arrays travel as base64. A `Buffer` becomes what its `toJSON` makes of it,
 * as in VS Code, whose webviews would be told of an object and not of bytes.
 */
export function encodeMessage(message: unknown): string {
  return JSON.stringify(message, (_key, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { $array: value.constructor.name, base64: bytes.toString('base64') };
  });
}

/** The source of a function in a page that undoes {@link encodeMessage}. */
export const DECODE_MESSAGE = `(text) => JSON.parse(text, (_key, value) => {
  if (value === null || typeof value !== 'object' || typeof value.$array !== 'string') return value;
  const binary = atob(value.base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return new globalThis[value.$array](bytes.buffer);
})`;
