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

/** Numbers to name on a logarithmic axis: round ones, as evenly as they lie. */
export function logTicks(min: number, max: number): number[] {
  if (!(min > 0) || !(max > min)) return [];
  if (max / min < 8) {
    const step = niceStep((max - min) / 6);
    const first = Math.ceil(min / step - 1e-9);
    const count = Math.floor(max / step + 1e-9) - first + 1;
    return Array.from({ length: Math.max(0, count) }, (_, i) =>
      Number(((first + i) * step).toPrecision(12)),
    );
  }
  const [from, to] = [Math.floor(Math.log10(min)), Math.ceil(Math.log10(max))];
  const leads = to - from > 4 ? [1] : to - from > 2 ? [1, 3] : [1, 2, 5];
  const all = Array.from({ length: to - from + 1 }, (_, i) =>
    leads.map((lead) => lead * 10 ** (from + i)),
  );
  return all.flat().filter((tick) => tick >= min && tick <= max);
}
