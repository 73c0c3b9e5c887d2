import { labelStep } from '../draw/ticks.ts';
import type { Band } from './units.ts';

/** Where everything of the overview stands, in device pixels. */
export interface OverviewGeometry {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  readonly layers: number;
  /** Height of the column labels above the first row. */
  readonly top: number;
  readonly rowPitch: number;
  /** Height of a cell; the rest of the pitch is the gap below it. */
  readonly rowHeight: number;
  /** Every how many rows a label and a number fit. */
  readonly rowStep: number;
  /** [columns] */
  readonly lefts: Int32Array;
  /** [columns] distance to the next column. */
  readonly pitches: Int32Array;
  /** Gap right of each cell. */
  readonly gap: number;
  /** One past the last cell. */
  readonly right: number;
  readonly barLeft: number;
  readonly barWidth: number;
  /** Right edge of the numbers beside the bars. */
  readonly numberRight: number;
}

/** CSS pixels. */
const GUTTER = 38;
const TOP = 50;
const LABEL_HEIGHT = 13;
const PARTS_GAP = 16;
const NUMBER = 40;
const MOST_HEIGHT = 480;
const ROW = { least: 5, most: 24 };
const CELL = { most: 22, gapFrom: 5 };

/**
 * Lays the overview out. Its height depends on the number of layers alone, so that the page below it
 * never moves.
 * @param width  CSS pixels
 * @param ratio  device pixels per CSS pixel
 */
export function layOutOverview(
  width: number,
  ratio: number,
  layers: number,
  columns: readonly Band[],
): OverviewGeometry {
  const px = (css: number): number => Math.round(css * ratio);
  const whole = Math.max(1, Math.floor(width * ratio));
  const rowCss = rowHeightFor(layers);
  const bars = width < 560 ? 44 : 104;
  const barArea = px(PARTS_GAP) + px(bars) + px(NUMBER);
  const heads = columns.filter(({ kind }) => kind !== 'mlp').length;
  const neurons = columns.length - heads;
  const headGap = px(heads > 64 ? 1 : 4);
  const fixed = px(GUTTER) + barArea + px(PARTS_GAP) + headGap * Math.max(0, heads / 2 - 1);
  const room = Math.max(0, whole - fixed);
  // Few heads get up to a third of the room, so that they are seen; many get as much as neurons do.
  const even = Math.floor(room / Math.max(1, columns.length));
  const third = heads > 0 ? Math.floor((room * 0.3) / heads) : 0;
  const headPitch = Math.max(1, Math.min(Math.max(even, third), px(CELL.most)));
  const rest = Math.floor((room - headPitch * heads) / Math.max(1, neurons));
  const neuronPitch = Math.max(1, Math.min(rest, px(CELL.most)));
  const lefts = new Int32Array(columns.length);
  const pitches = new Int32Array(columns.length);
  let x = px(GUTTER);
  columns.forEach((column, i) => {
    const before = columns[i - 1];
    if (before !== undefined && before.kind !== 'mlp') {
      if (column.kind === 'mlp') x += px(PARTS_GAP);
      else if (column.head !== before.head) x += headGap;
    }
    lefts[i] = x;
    pitches[i] = column.kind === 'mlp' ? neuronPitch : headPitch;
    x += pitches[i];
  });
  const rowPitch = px(rowCss);
  // What equal columns leave over goes to the bars, up to a bound for wide pages.
  const over = Math.min(whole - barArea - x, px(160));
  const barWidth = px(bars) + Math.max(0, over);
  return {
    width: whole,
    height: px(TOP) + rowPitch * layers + px(2),
    ratio,
    layers,
    top: px(TOP),
    rowPitch,
    rowHeight: rowPitch - px(1),
    rowStep: labelStep(rowCss, LABEL_HEIGHT),
    lefts,
    pitches,
    gap: neuronPitch >= px(CELL.gapFrom) ? px(1) : 0,
    right: x,
    barLeft: x + px(PARTS_GAP),
    barWidth,
    numberRight: x + px(PARTS_GAP) + barWidth + px(NUMBER),
  };
}

/** CSS pixels from row to row, for a model of so many layers. */
export function rowHeightFor(layers: number): number {
  return Math.min(ROW.most, Math.max(ROW.least, Math.floor(MOST_HEIGHT / layers)));
}

/** The column under a device pixel; a gap belongs to the column left of it. -1 outside. */
export function columnAt(geometry: OverviewGeometry, x: number): number {
  const { lefts, right } = geometry;
  if (lefts.length === 0 || x < lefts[0]! || x >= right) return -1;
  let [low, high] = [0, lefts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lefts[middle]! <= x) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The layer under a device pixel; -1 outside. */
export function layerAt({ top, rowPitch, layers }: OverviewGeometry, y: number): number {
  const layer = Math.floor((y - top) / rowPitch);
  return y >= top && layer < layers ? layer : -1;
}
