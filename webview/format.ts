import { bytesText } from '../src/protocol/sizeText.ts';

/** Stands where a figure is not known. */
export const UNKNOWN = '–';
/** Between a number and its unit, so that they never part. */
const GAP = '\u00a0';
const MINUS = '\u2212';

/** A whole number with separators: `12,345`. */
export function formatCount(value: number): string {
  return new Intl.NumberFormat('en').format(Math.round(value));
}

/** A count with three digits: `494 M`, `1.23 B`, `98.7 k`. */
export function formatLarge(value: number): string {
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= size * 0.9995) return `${digits(value / size)}${GAP}${unit}`;
  }
  return String(Math.round(value));
}

/** Bytes, as every other part of the product gives them: `1.50 GB`. */
export function formatBytes(value: number): string {
  return bytesText(value).replace(' ', GAP);
}

/** Milliseconds of a measurement: `12.3 ms`, `1.50 s`. */
export function formatMs(value: number): string {
  return value < 999.5 ? `${digits(value)}${GAP}ms` : `${digits(value / 1000)}${GAP}s`;
}

/** A perplexity, a loss or another figure without a unit, with four digits; null: infinite. */
export function formatScore(value: number | null): string {
  if (value === null) return '∞';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : UNKNOWN;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e7) return formatCount(value).replace('-', MINUS);
  if (size >= 1e7 || size < 1e-3) return value.toExponential(2).replace('-', MINUS);
  const text = value.toFixed(Math.min(4, Math.max(0, 3 - Math.floor(Math.log10(size)))));
  return text.replace('-', MINUS);
}

/** A figure among others that differ little, with six digits. */
export function formatFine(value: number): string {
  const size = Math.abs(value);
  if (!(size >= 1e-3 && size < 1e5)) return formatScore(value);
  return value.toFixed(Math.max(0, 5 - Math.floor(Math.log10(size)))).replace('-', MINUS);
}

/** A number of an axis: no more digits than it needs. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e5) return formatLarge(value);
  if (size > 0 && size < 1e-3) return value.toExponential(0).replace('-', MINUS);
  return String(Number(value.toPrecision(5))).replace('-', MINUS);
}

/** A share as whole per cent, or with one digit where that says more. */
export function formatShare(value: number): string {
  const percent = value * 100;
  const whole = Math.abs(percent - Math.round(percent)) < 0.05;
  return `${whole ? Math.round(percent) : percent.toFixed(1)}%`.replace('-', MINUS);
}

/** By how much a figure differs from another, with its sign; empty when it cannot be said. */
export function formatChange(from: number, to: number): string {
  if (!(from > 0) || !Number.isFinite(from) || !Number.isFinite(to)) return '';
  const change = to / from - 1;
  if (Math.abs(change) >= 9.995) return `${formatCount(to / from)}×`;
  const percent = Math.abs(change * 100);
  const text = percent >= 9.95 ? String(Math.round(percent)) : percent.toFixed(1);
  if (Number(text) === 0) return `±0%`;
  return `${change < 0 ? MINUS : '+'}${text}%`;
}

/** A length of time for people: `0:07`, `12:34`, `1:02:03`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (h >= 100) return `${Math.floor(h / 24)}${GAP}d ${h % 24}${GAP}h`.replace(' ', GAP);
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Time spent in something that may be very short. */
export function formatSpent(ms: number): string {
  if (ms > 0 && ms < 50) return `< 0.1${GAP}s`;
  return ms < 9_950 ? `${(ms / 1000).toFixed(1)}${GAP}s` : formatSpan(ms);
}

/** About how long something will still take, in steps that do not flicker. */
export function formatLeft(ms: number): string {
  if (ms < 10_000) return 'a few seconds left';
  if (ms < 55_000) return `${Math.ceil(ms / 10_000) * 10}${GAP}s left`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${Math.max(1, minutes)}${GAP}min left`;
  if (minutes >= 180) return `${Math.round(minutes / 60)}${GAP}h left`;
  return `${Math.floor(minutes / 60)}${GAP}h ${minutes % 60}${GAP}min left`;
}

/** A moment: `22 Nov, 14:05`. */
export function formatMoment(ms: number): string {
  return new Intl.DateTimeFormat('en-GB', {
    ...{ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false },
  }).format(ms);
}

/** Time of day with seconds, for a log. */
export function formatClock(ms: number): string {
  return new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }).format(ms);
}

/** A subnet's name for people: the first half of its key. */
export function shortKey(key: string): string {
  return key.slice(0, 8);
}

/** Three digits that count. */
function digits(value: number): string {
  const size = Math.abs(value);
  const places = size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2;
  return value.toFixed(places).replace('-', MINUS);
}
