/** A number under a legend or an axis. */
export interface Tick {
  /** From 0, the left end, to 1. */
  readonly place: number;
  readonly text: string;
}

/** The ends and steps between of a legend of shares. */
export function shareTicks(steps: number): Tick[] {
  return Array.from({ length: steps + 1 }, (_, i) => ({
    place: i / steps,
    text: percent(i / steps),
  }));
}

/**
 * Ticks of a legend of changes: from what is lost to what is gained.
 * @param bound  change at the ends
 */
export function changeTicks(bound: number): Tick[] {
  return [-1, 0, 1].map((share) => ({
    place: (share + 1) / 2,
    text: signedPercent(share * bound),
  }));
}

/**
 * A change of a share in percent, with its sign.
 * @param digits  digits behind the point; as many as are needed, up to one, when not given
 */
export function signedPercent(change: number, digits?: number): string {
  const percents = Math.round(change * 1000) / 10;
  const size = Math.abs(percents);
  const text = digits === undefined ? String(size) : size.toFixed(digits);
  return `${percents === 0 ? '' : percents > 0 ? '+' : '−'}${text}%`;
}

/** The step of 1, 2 or 5 times a power of ten that lays at most `most` ticks over a span. */
export function niceStep(span: number, most: number): number {
  const rough = Math.max(1, span / Math.max(1, most));
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((step) => step * power >= rough - 1e-9) ?? 10) * power;
}

/** How many rows one step of labels spans, so that labels of `height` do not touch. */
export function labelStep(rowPitch: number, height: number): number {
  return rowPitch >= height ? 1 : niceStep(height / rowPitch, 1);
}

/** A share as whole percent; what is neither none nor all never reads as one of them. */
export function percent(share: number): string {
  const whole = Math.round(share * 100);
  if (whole === 0 && share > 0) return '<1%';
  if (whole === 100 && share < 1) return '>99%';
  return `${whole}%`;
}

/** A whole number with its thousands set off. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}
