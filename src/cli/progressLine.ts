import type { ProgressState } from './progressState.ts';
import { formatDuration, formatFitness } from './units.ts';

/** Width of the bar, characters. */
const BAR = 20;

/**
 * The live line: stage, bar, generation and best fitness while searching, rows while comparing,
 * time left.
 * @param columns  width of the terminal; the line is always shorter, so that it never wraps
 */
export function progressLine(state: ProgressState, columns: number, unicode: boolean): string {
  const { stage, fraction, etaMs, generation, best, rows } = state;
  if (stage === null && rows === null) return '';
  const searching = stage === 'search';
  const parts = [
    (stage ?? 'compare').padEnd(9),
    bar(fraction ?? 0, unicode),
    fraction === null ? '    ' : `${String(Math.floor(100 * fraction)).padStart(3)}%`,
    ...(searching && generation !== null ? [`gen ${generation}`] : []),
    ...(searching && best !== null ? [`best ${formatFitness(best)}`] : []),
    ...(rows === null ? [] : [`${rows[0]} of ${rows[1]} rows`]),
    ...(etaMs === null ? [] : [`${formatDuration(etaMs)} left`]),
  ];
  return parts
    .join('  ')
    .trimEnd()
    .slice(0, Math.max(0, columns - 1));
}

function bar(fraction: number, unicode: boolean): string {
  const full = Math.floor(BAR * fraction);
  const [on, off] = unicode ? ['█', '░'] : ['#', '.'];
  return on.repeat(full) + off.repeat(BAR - full);
}
