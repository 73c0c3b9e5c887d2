import { isAbsolute, relative } from 'node:path';

/** A measured time: `0.42 ms`, `12.3 ms`, `4.21 s`. */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

/** A time to wait: `8 s`, `3 min 20 s`, `2 h 05 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** A moment, to the minute and in local time: `2026-12-01 14:05`. */
export function formatMoment(timeMs: number): string {
  const date = new Date(timeMs);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** A share of a whole: `70.0%`; `-` when there is no whole. */
export function formatShare(part: number, whole: number): string {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)}%` : '-';
}

/**
 * Perplexity or another fitness: two decimals while they mean something.
 * @param value  null: infinite, as records hold it
 */
export function formatFitness(value: number | null): string {
  if (value === null || value === Infinity) return 'infinite';
  if (value >= 1e6) return value.toExponential(2);
  if (value >= 1000) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 2 : value >= 1 ? 3 : 4);
}

/** A path as one would type it here: relative to the working directory where it lies in it. */
export function formatPath(path: string): string {
  const here = relative(process.cwd(), path);
  return here === '' || here.startsWith('..') || isAbsolute(here) ? path : here;
}

/** Three significant digits, never fewer than the whole number. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
