/** The next larger of 1, 2 and 5 times a power of ten. */
export function niceStep(rough: number): number {
  if (!(rough > 0) || !Number.isFinite(rough)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  // A hair of room, so that 2.0000001 is not rounded up to 5.
  return (lead <= 1.000001 ? 1 : lead <= 2.000001 ? 2 : lead <= 5.000001 ? 5 : 10) * power;
}

/**
 * Ends of an axis that hold all values and move only in steps, so that a plot that grows does not
 * jump with every point.
 * @param parts  how many steps the axis has, about
 */
export function niceRange(
  low: number,
  high: number,
  parts: number,
): { readonly min: number; readonly max: number } {
  const span = high > low ? high - low : Math.abs(high) * 0.1 || 1;
  const step = niceStep(span / parts);
  const min = Math.floor(low / step) * step;
  const max = Math.ceil(high / step) * step;
  return max > min ? { min, max } : { min: min - step, max: max + step };
}

/** Ends of a logarithmic axis: a third of a decade of room at most. */
export function niceLogRange(
  low: number,
  high: number,
): { readonly min: number; readonly max: number } {
  const step = Math.log10(high / low) > 2 ? 1 : 0.1;
  const min = 10 ** (Math.floor(Math.log10(low) / step - 1e-9) * step);
  const max = 10 ** (Math.ceil(Math.log10(high) / step + 1e-9) * step);
  return { min, max };
}
