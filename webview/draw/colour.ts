/** A colour as red, green, blue, each 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

const HEX = /^#([0-9a-f]{3,8})$/i;
const NUMBERS = /^rgba?\(([^)]*)\)$/i;

/**
 * Reads `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa`, `rgb()` and `rgba()`, the forms in which the editor
 * hands its theme on. What is not wholly opaque is laid over `under`.
 * @returns null when the text is none of these
 */
export function parseColour(text: string, under: Rgb = [0, 0, 0]): Rgb | null {
  const parts = fromHex(text.trim()) ?? fromFunction(text.trim());
  if (parts === null) return null;
  const [red, green, blue, alpha] = parts;
  return mix(under, [red, green, blue], alpha);
}

/** Reads a colour as {@link parseColour} does, but as if it were wholly opaque. */
export function parseOpaque(text: string): Rgb | null {
  const parts = fromHex(text.trim()) ?? fromFunction(text.trim());
  return parts && [parts[0], parts[1], parts[2]];
}

/** The colour `share` of the way from one to the other. */
export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const at = (i: 0 | 1 | 2): number => Math.round(from[i] + (to[i] - from[i]) * share);
  return [at(0), at(1), at(2)];
}

/** The opaque pixel of an `ImageData` seen as little-endian 32-bit words: alpha, blue, green, red. */
export function pixel([red, green, blue]: Rgb): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** The colour as CSS. */
export function css([red, green, blue]: Rgb): string {
  return `rgb(${red}, ${green}, ${blue})`;
}

/**
 * How bright a colour is to the eye, from 0 to 1.
 * @source WCAG 2.2, relative luminance of sRGB
 */
export function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/**
 * Contrast of two colours, 1 to 21.
 * @source WCAG 2.2, contrast ratio
 */
export function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function linear(channel: number): number {
  const share = channel / 255;
  return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

type Parts = readonly [number, number, number, number];

function fromHex(text: string): Parts | null {
  const digits = HEX.exec(text)?.[1];
  if (digits === undefined || digits.length === 5 || digits.length === 7) return null;
  const wide = digits.length > 4 ? digits : [...digits].map((digit) => digit + digit).join('');
  const at = (i: number): number => Number.parseInt(wide.slice(2 * i, 2 * i + 2), 16);
  return [at(0), at(1), at(2), wide.length === 8 ? at(3) / 255 : 1];
}

function fromFunction(text: string): Parts | null {
  const inner = NUMBERS.exec(text)?.[1];
  if (inner === undefined) return null;
  const numbers = inner.split(/[\s,/]+/).map((part) => Number.parseFloat(part));
  const [red, green, blue, alpha = 1] = numbers;
  if (red === undefined || green === undefined || blue === undefined) return null;
  return numbers.every(Number.isFinite) ? [red, green, blue, alpha] : null;
}
