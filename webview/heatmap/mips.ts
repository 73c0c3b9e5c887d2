/**
 * Smaller and smaller pictures of a row of bytes. Level 0 is the row itself, each next one halves it
 * (the last cell of an odd row stands alone).
 */
export interface Mips {
  readonly mean: readonly Uint8Array[];
  /** Least and greatest; the same arrays as `mean` when they were not asked for. */
  readonly least: readonly Uint8Array[];
  readonly most: readonly Uint8Array[];
}

/** Levels of means. */
export function meanMips(row: Uint8Array): Mips {
  const mean = halvings(row, (a, b) => (a + b + 1) >> 1);
  return { mean, least: mean, most: mean };
}

/** Levels of means, least and greatest, for rows where one cell among many must not vanish. */
export function fullMips(row: Uint8Array): Mips {
  return {
    mean: meanMips(row).mean,
    least: halvings(row, Math.min),
    most: halvings(row, Math.max),
  };
}

/** The level at which a cell is at least one device pixel wide. */
export function levelFor(cellWidth: number, levels: number): number {
  if (cellWidth >= 1) return 0;
  return Math.min(levels - 1, Math.ceil(-Math.log2(cellWidth) - 1e-9));
}

/**
 * What stands for several changes at once: their mean, made strong enough to see. 255 = gained,
 * 128 = the same, 0 = lost. Where gains and losses balance it leans to neither, but is never shown as
 * the same: the least visible gain is.
 */
export function changeOf(mean: number, least: number, most: number): number {
  if (least === 128 && most === 128) return 128;
  const net = (mean - 128) / 128;
  const strength = Math.max(0.3, Math.sqrt(Math.abs(net)));
  const gained = net === 0 ? most > 128 : net > 0;
  return gained ? Math.round(128 + 127 * strength) : Math.round(128 - 128 * strength);
}

function halvings(row: Uint8Array, join: (a: number, b: number) => number): Uint8Array[] {
  const levels = [row];
  for (let last = row; last.length > 1;) {
    const next = new Uint8Array((last.length + 1) >> 1);
    for (let i = 0; i < next.length; i++) {
      const a = last[2 * i]!;
      next[i] = 2 * i + 1 < last.length ? join(a, last[2 * i + 1]!) : a;
    }
    levels.push(next);
    last = next;
  }
  return levels;
}
