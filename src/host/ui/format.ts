import * as vscode from 'vscode';

/** A measured time: `0.42 ms`, `12.3 ms`, `4.21 s`. */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

/** A time to wait: `8 s`, `3 min`, `2 h 05 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return vscode.l10n.t('{0} s', seconds);
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return vscode.l10n.t('{0} min', minutes);
  const rest = String(minutes % 60).padStart(2, '0');
  return vscode.l10n.t('{0} h {1} min', Math.floor(minutes / 60), rest);
}

/** A perplexity: two decimals while they mean something; null: infinite. */
export function formatFitness(value: number | null): string {
  if (value === null) return vscode.l10n.t('infinite');
  if (value >= 1e6) return value.toExponential(2);
  return value >= 1000 ? value.toFixed(0) : value.toFixed(value >= 1 ? 2 : 4);
}

/** Day and time, short, in the user's language. */
export function formatTime(timeMs: number): string {
  const options = { dateStyle: 'medium', timeStyle: 'short' } as const;
  return new Intl.DateTimeFormat(vscode.env.language, options).format(timeMs);
}

/** Facts of a row, joined; absent ones are left out. */
export function joined(...facts: readonly (string | null | undefined | false)[]): string {
  return facts.filter((fact) => typeof fact === 'string' && fact !== '').join(' · ');
}

/** Three significant digits, never fewer than the whole number. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
