/** A count as people say it: `1,572` or `1.57 M`. */
export function countWords(count: number): string {
  const whole = Math.round(count);
  if (whole < 100_000) return whole.toLocaleString('en-US');
  const steps: readonly (readonly [number, string])[] = [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  const [unit, letter] = steps.find(([size]) => whole >= size)!;
  return `${short(whole / unit)} ${letter}`;
}

/** A share, 0 to 1, as a percentage of at most three digits. */
export function percentWords(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

function short(value: number): string {
  return value >= 999.5 ? String(Math.round(value)) : value.toPrecision(3);
}
