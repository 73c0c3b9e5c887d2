/** A pool as the budget sees it: how many units it keeps and may keep, and what one costs. */
export interface Lot {
  readonly count: number;
  readonly least: number;
  readonly most: number;
  /** Parameters of one unit. */
  readonly cost: number;
  /** How readily the lot gives and takes; 0 = only when the others cannot. */
  readonly weight: number;
}

/**
 * Most units of one kind that the last exchange moves against another kind. Exact budgets need a
 * few where unit sizes share a large divisor (Llama: multiples of H); where they are nearly coprime
 * (OPT: 2H + 2 and 2H + 1) more would pin the number of q/k units of the whole model.
 */
const EXCHANGE_REACH = 8;

/** Most exchanges looked at: with more than four kinds of unit the reach is shorter. */
const MOST_EXCHANGES = 5000;

/** Rounds of proportional sharing; each but the last fills at least one lot or leaves crumbs. */
const SHARING_ROUNDS = 64;

/**
 * Unit counts that spend a budget exactly: more than `target` minus the cheapest unit and at most
 * `target`, and as near to it as the unit sizes' common divisor allows when a small exchange
 * between kinds gets there.
 *
 * What is missing or too much is shared in proportion to each lot's room times its weight, so the
 * lots keep their relations: a repair that ranked all units together would pull every candidate
 * back to one allocation.
 * @param lots  counts may lie outside their bounds; they are brought inside first
 * @param target  parameters to spend
 * @returns the new count of each lot, or null when the bounds leave no way
 */
export function allocate(lots: readonly Lot[], target: number): number[] | null {
  const draft: Draft = {
    lots,
    counts: lots.map((lot) => Math.min(lot.most, Math.max(lot.least, lot.count))),
  };
  for (const preferred of [true, false]) shrink(draft, spent(draft) - target, preferred);
  if (spent(draft) > target) return null;
  for (const preferred of [true, false]) grow(draft, target - spent(draft), preferred);
  return closeGap(draft, target - spent(draft)) ? draft.counts : null;
}

interface Draft {
  readonly lots: readonly Lot[];
  /** Changed in place. */
  readonly counts: number[];
}

function spent({ lots, counts }: Draft): number {
  return lots.reduce((sum, lot, i) => sum + lot.cost * counts[i]!, 0);
}

function shrink(draft: Draft, excess: number, preferred: boolean): void {
  let left = shareOut(draft, excess, -1, preferred);
  for (let moved = true; left > 0 && moved;) {
    moved = false;
    for (const i of byWillingness(draft, -1, preferred)) {
      if (left <= 0) return;
      draft.counts[i]! -= 1;
      left -= draft.lots[i]!.cost;
      moved = true;
    }
  }
}

function grow(draft: Draft, gap: number, preferred: boolean): void {
  let left = shareOut(draft, gap, 1, preferred);
  for (let moved = true; moved;) {
    moved = false;
    for (const i of byWillingness(draft, 1, preferred)) {
      const { cost } = draft.lots[i]!;
      if (cost > left) continue;
      draft.counts[i]! += 1;
      left -= cost;
      moved = true;
    }
  }
}

/** Moves whole units in proportion to willingness, never more than `amount`; returns the rest. */
function shareOut(draft: Draft, amount: number, sign: 1 | -1, preferred: boolean): number {
  let left = amount;
  for (let round = 0; round < SHARING_ROUNDS && left > 0; round++) {
    const wills = draft.lots.map((_, i) => willingness(draft, i, sign, preferred));
    const whole = wills.reduce((sum, will, i) => sum + will * draft.lots[i]!.cost, 0);
    if (whole === 0) break;
    const before = left;
    for (const [i, will] of wills.entries()) {
      const units = Math.min(room(draft, i, sign), Math.floor((before * will) / whole));
      draft.counts[i]! += sign * units;
      left -= units * draft.lots[i]!.cost;
    }
    if (left === before) break;
  }
  return left;
}

/** Lots that can still move, the most willing first. */
function byWillingness(draft: Draft, sign: 1 | -1, preferred: boolean): number[] {
  const wills = draft.lots.map((_, i) => willingness(draft, i, sign, preferred));
  const able = [...wills.keys()].filter((i) => wills[i]! > 0);
  return able.sort((a, b) => wills[b]! - wills[a]! || a - b);
}

function willingness(draft: Draft, i: number, sign: 1 | -1, preferred: boolean): number {
  return room(draft, i, sign) * (preferred ? draft.lots[i]!.weight : 1);
}

function room({ lots, counts }: Draft, i: number, sign: 1 | -1): number {
  return sign > 0 ? lots[i]!.most - counts[i]! : counts[i]! - lots[i]!.least;
}

/** Exchanges a few units between kinds so that the gap ends as small as their sizes allow. */
function closeGap(draft: Draft, gap: number): boolean {
  const costs = [...new Set(draft.lots.map((lot) => lot.cost))].sort((a, b) => a - b);
  const finest = gap % costs.reduce(greatestCommonDivisor);
  const up = costs.map((cost) => roomOfKind(draft, cost, 1));
  const down = costs.map((cost) => roomOfKind(draft, cost, -1));
  const able = exchanges(costs, gap)
    .filter(({ moves }) => moves.every((n, k) => (n < 0 ? -n <= down[k]! : n <= up[k]!)))
    .sort((a, b) => a.moved - b.moved || compare(a.moves, b.moves));
  const best = able.find((exchange) => exchange.gap === finest) ?? able[0];
  if (best === undefined) return false;
  best.moves.forEach((units, k) => moveUnits(draft, costs[k]!, units));
  return true;
}

interface Exchange {
  /** Units to add (or remove, below 0) of each kind. */
  readonly moves: readonly number[];
  /** Parameters moved in all. */
  readonly moved: number;
  /** Parameters still missing afterwards, below the cheapest unit. */
  readonly gap: number;
}

/** Every small exchange after which less than the cheapest unit is missing. */
function exchanges(costs: readonly number[], gap: number): Exchange[] {
  const [cheapest, ...others] = costs as [number, ...number[]];
  const widest = Math.floor((MOST_EXCHANGES ** (1 / others.length) - 1) / 2);
  const reach = Math.min(EXCHANGE_REACH, widest);
  const steps = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  const combined = others.reduce<number[][]>(
    (heads) => heads.flatMap((head) => steps.map((step) => [...head, step])),
    [[]],
  );
  return combined.map((other) => {
    const left = gap - other.reduce((sum, units, k) => sum + units * others[k]!, 0);
    const all = [Math.floor(left / cheapest), ...other];
    return {
      moves: all,
      moved: all.reduce((sum, units, k) => sum + Math.abs(units) * costs[k]!, 0),
      gap: left - all[0]! * cheapest,
    };
  });
}

function roomOfKind(draft: Draft, cost: number, sign: 1 | -1): number {
  return draft.lots.reduce(
    (sum, lot, i) => sum + (lot.cost === cost ? room(draft, i, sign) : 0),
    0,
  );
}

/** Moves units of one kind, one from each lot in turn, the preferred lots first. */
function moveUnits(draft: Draft, cost: number, units: number): void {
  const sign = units < 0 ? -1 : 1;
  let left = Math.abs(units);
  for (const preferred of [true, false]) {
    for (let moved = true; left > 0 && moved;) {
      moved = false;
      for (const i of byWillingness(draft, sign, preferred)) {
        if (left === 0 || draft.lots[i]!.cost !== cost) continue;
        draft.counts[i]! += sign;
        left -= 1;
        moved = true;
      }
    }
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const k = a.findIndex((value, i) => value !== b[i]);
  return k < 0 ? 0 : a[k]! - b[k]!;
}
