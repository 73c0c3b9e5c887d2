/** `1234567` → `1.23 MB`: in powers of 1000, as disks are sold and downloads counted. */
export function bytesText(bytes: number): string {
  return scaled(bytes, [' B', ' kB', ' MB', ' GB', ' TB']);
}

/** `1234567` → `1.23 M`. */
export function countText(count: number): string {
  return scaled(count, ['', ' k', ' M', ' B', ' T']);
}

/** A number of so many significant digits, without an exponent. */
export function digitsText(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** Three significant digits, never fewer than the whole number, and a unit for each power of 1000. */
function scaled(value: number, units: readonly string[]): string {
  let [size, unit] = [value, 0];
  // A number that rounds up to the next unit is said in that one.
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1000;
  const isWhole = unit === 0 || size >= 999.5;
  return `${isWhole ? Math.round(size) : size.toPrecision(3)}${units[unit]}`;
}
