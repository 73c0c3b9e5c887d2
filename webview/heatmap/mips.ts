/**
 * Smaller and smaller pictures of a row of bytes: level 0 is the row itself, each next one halves it
 * (the last cell of an odd row stands alone).
 */
export type Levels = readonly Uint8Array[];

/** Levels of means. */
export function meanLevels(row: Uint8Array): Levels {
  return halvings(row, (a, b) => (a + b + 1) >> 1);
}

/** Levels of the least value. */
export function leastLevels(row: Uint8Array): Levels {
  return halvings(row, Math.min);
}

/** Levels of the greatest value. */
export function mostLevels(row: Uint8Array): Levels {
  return halvings(row, Math.max);
}

/**
 * Levels of changes (255 = gained, 128 = the same, 0 = lost), in which one change among many does not
 * vanish.
 */
export function changeLevels(row: Uint8Array): Levels {
  const [mean, least, most] = [meanLevels(row), leastLevels(row), mostLevels(row)];
  return mean.map((cells, level) =>
    level === 0
      ? cells
      : cells.map((value, i) => changeOf(value, least[level]![i]!, most[level]![i]!)),
  );
}

/** The level at which a cell is at least one device pixel wide. */
export function levelFor(cellWidth: number, levels: number): number {
  if (cellWidth >= 1) return 0;
  return Math.min(levels - 1, Math.ceil(-Math.log2(cellWidth) - 1e-9));
}

/**
 * What stands for several changes at once: their mean, made strong enough to see. Where gains and
 * losses balance, it is shown as a weak gain rather than as nothing.
 */
export function changeOf(mean: number, least: number, most: number): number {
  if (least === 128 && most === 128) return 128;
  const net = (mean - 128) / 128;
  const strength = Math.max(0.3, Math.sqrt(Math.abs(net)));
  const gained = net === 0 ? most > 128 : net > 0;
  return gained
    ? Math.min(255, Math.round(128 + 127 * strength))
    : Math.max(0, Math.round(128 - 128 * strength));
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
