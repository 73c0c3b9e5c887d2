import { rngFor } from '../numeric/rng.ts';
import type { TokenRows } from '../passes/statistics.ts';

/** Which calibration tokens are fitted and which only judge, per batch. */
export interface TokenSplit {
  readonly fitted: readonly TokenRows[];
  readonly held: readonly TokenRows[];
  /** True when so much is held back that what they approve is worth fitting again to all tokens. */
  readonly refitsAll: boolean;
}

/** Of little text one window in so many is held back. */
const HELD_EVERY = 4;
/** Up to this share of the tokens, holding them back costs a fit nothing. */
const LITTLE_HELD = 1 / 8;
/** So many windows or tokens, whichever is more, are enough of any text. */
const [ENOUGH_WINDOWS, ENOUGH_TOKENS] = [16, 4096];

/**
 * Holds calibration tokens back: a quarter of the windows, or as many as are enough. Of each group of
 * neighbours one is drawn from the seed, so that both parts come from all of the text. Of a single
 * window the last quarter of the tokens is held back.
 *
 * Windows that are drawn at random may overlap. A token that a held-back window contains is fitted in
 * no other window.
 * @param batches  windows in the order of the text, all of one length; windows of one text are views
 *   of one buffer, which is how overlaps are found
 * @param seed  of the run
 */
export function holdBack(batches: readonly (readonly Uint32Array[])[], seed: number): TokenSplit {
  const windows = batches.flat();
  const held = heldWindows(windows, seed);
  const places = placesOf([...held].map((i) => windows[i]!));
  let index = 0;
  const marks = batches.map((batch) =>
    batch.map((window): Uint8Array => {
      const isHeld = held.has(index++);
      if (isHeld) return new Uint8Array(window.length).fill(HELD);
      return windows.length === 1 ? lastQuarter(window) : overlapOf(window, places);
    }),
  );
  return {
    fitted: marks.map((batch) => markedRows(batch, FITTED)),
    held: marks.map((batch) => markedRows(batch, HELD)),
    refitsAll: refitsAllOf(windows.length, windows[0]?.length ?? 0),
  };
}

/**
 * Share of the tokens that {@link holdBack} holds back.
 * @param windows  how many there are
 * @param time  tokens of each
 */
export function heldShareOf(windows: number, time: number): number {
  return windows === 1 ? 1 / HELD_EVERY : heldCount(windows, time) / Math.max(1, windows);
}

/** True where {@link holdBack} holds so much back that refits are made again with it. */
export function refitsAllOf(windows: number, time: number): boolean {
  return heldShareOf(windows, time) > LITTLE_HELD;
}

const FITTED = 0;
const HELD = 1;
const NEITHER = 2;

/** One of each group of neighbours; none of a single window. */
function heldWindows(windows: readonly Uint32Array[], seed: number): ReadonlySet<number> {
  const held = new Set<number>();
  const count = windows.length;
  const groups = heldCount(count, windows[0]?.length ?? 0);
  const rng = rngFor(seed, 'held back');
  const start = (group: number): number => Math.floor((group * count) / groups);
  for (let group = 0; group < groups; group++) {
    held.add(start(group) + rng.int(start(group + 1) - start(group)));
  }
  return held;
}

/** Whole windows that are held back; none of a single one, which is cut instead. */
function heldCount(windows: number, time: number): number {
  if (windows < 2) return 0;
  const enough = Math.max(ENOUGH_WINDOWS, Math.floor(ENOUGH_TOKENS / time));
  return Math.max(1, Math.min(enough, Math.floor(windows / HELD_EVERY)));
}

function lastQuarter({ length }: Uint32Array): Uint8Array {
  return new Uint8Array(length).fill(HELD, Math.floor(length * (1 - 1 / HELD_EVERY)));
}

type Places = ReadonlyMap<ArrayBufferLike, Uint8Array>;

/** For each buffer that windows are views of: 1 where one of them lies. */
function placesOf(windows: readonly Uint32Array[]): Places {
  const places = new Map<ArrayBufferLike, Uint8Array>();
  for (const window of windows) {
    const { buffer } = window;
    const size = buffer.byteLength / window.BYTES_PER_ELEMENT;
    const taken = places.get(buffer) ?? new Uint8Array(size);
    places.set(buffer, taken.fill(1, placeOf(window), placeOf(window) + window.length));
  }
  return places;
}

function overlapOf(window: Uint32Array, places: Places): Uint8Array {
  const from = placeOf(window);
  const taken = places.get(window.buffer)?.subarray(from, from + window.length);
  return Uint8Array.from(window, (_, i) => (taken?.[i] === 1 ? NEITHER : FITTED));
}

function placeOf(window: Uint32Array): number {
  return window.byteOffset / window.BYTES_PER_ELEMENT;
}

function markedRows(windows: readonly Uint8Array[], mark: number): TokenRows {
  const marks = Uint8Array.from(windows.flatMap((window) => [...window]));
  if (marks.every((found) => found === mark)) return null;
  return Uint32Array.from([...marks.keys()].filter((row) => marks[row] === mark));
}
