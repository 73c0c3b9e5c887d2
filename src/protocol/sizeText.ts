/** `1234567` → `1.23 MB`: three digits, in powers of 1000, as disks are sold and downloads counted. */
export function bytesText(bytes: number): string {
  const scales = [
    [1e12, 'TB'],
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ] as const;
  // A number that rounds up to the next unit is said in that one.
  const [size, unit] = scales.find(([least]) => bytes >= least * 0.9995) ?? [1, 'B'];
  return `${digitsText(bytes / size, 3)} ${unit}`;
}

/** A number of so many significant digits, without an exponent. */
export function digitsText(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}
