import type { Candidate, RunModel } from '../../src/dashboard/model/runModel.ts';
import type { XAxis } from '../selection.ts';

/** A point of a line. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How a series differs from what it was: what is drawn may be kept, added to, or is void. */
export type SeriesChange = 'same' | 'grown' | 'new';

/** Fitness over a search, grown as the search goes on. Times are milliseconds since its start. */
export class FitnessSeries {
  /** Where each candidate stands; NaN for a fitness that is not a number. */
  readonly xs: number[] = [];
  readonly ys: number[] = [];
  /** Indices of the candidates that were better than all before. */
  readonly improvements: number[] = [];
  /** The best so far: a corner at each improvement, the last at the end. */
  best: Point[] = [];
  median: Point[] = [];
  low: Point[] = [];
  high: Point[] = [];
  candidates: readonly Candidate[] = [];
  private axis: XAxis = 'evaluations';
  private startedMs = 0;
  private generations: RunModel['generations'] = [];
  private bestSoFar = Infinity;
  private widestChild = 0;

  /** Takes up what a run has told since. */
  update(model: RunModel, axis: XAxis): SeriesChange {
    const from = this.xs.length;
    const begun = model.candidates[0]?.timeMs ?? model.startedMs ?? 0;
    const continues =
      axis === this.axis &&
      begun === this.startedMs &&
      model.candidates.length >= from &&
      (from === 0 || model.candidates[from - 1]?.key === this.candidates[from - 1]?.key) &&
      !(axis === 'generations' && this.isWider(model.candidates, from));
    if (continues && model.candidates.length === from && model.generations === this.generations) {
      this.candidates = model.candidates;
      return from === 0 ? 'new' : 'same';
    }
    if (!continues) this.clear(axis, begun);
    this.candidates = model.candidates;
    if (axis === 'generations' && !continues) this.isWider(model.candidates, 0);
    for (let i = this.xs.length; i < model.candidates.length; i++) this.add(i);
    this.drawBands(model.generations);
    return continues ? 'grown' : 'new';
  }

  /** Smallest and largest fitness; null before the first. */
  range(): { readonly low: number; readonly high: number } | null {
    let [low, high] = [Infinity, -Infinity];
    for (const y of this.ys) {
      if (y < low) low = y;
      if (y > high) high = y;
    }
    return low <= high ? { low, high } : null;
  }

  /** The point nearest to a place, within a distance; -1 when there is none. */
  nearest(place: (index: number) => Point | null, at: Point, within: number): number {
    let [found, nearest] = [-1, within * within];
    for (let i = 0; i < this.xs.length; i++) {
      const point = place(i);
      if (point === null) continue;
      const distance = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
      if (distance <= nearest) [found, nearest] = [i, distance];
    }
    return found;
  }

  private clear(axis: XAxis, startedMs: number): void {
    for (const list of [this.xs, this.ys, this.improvements]) list.length = 0;
    this.best = [];
    this.axis = axis;
    this.startedMs = startedMs;
    this.bestSoFar = Infinity;
    this.widestChild = 0;
  }

  /** Children of a generation stand side by side; a wider one moves all of them. */
  private isWider(candidates: readonly Candidate[], from: number): boolean {
    const before = this.widestChild;
    for (let i = from; i < candidates.length; i++) {
      this.widestChild = Math.max(this.widestChild, candidates[i]!.child);
    }
    return this.widestChild > before;
  }

  private add(index: number): void {
    const candidate = this.candidates[index]!;
    const x = this.xOf(candidate);
    const y = Number.isFinite(candidate.fitness) ? candidate.fitness : NaN;
    this.xs.push(x);
    this.ys.push(y);
    if (y < this.bestSoFar) {
      this.bestSoFar = y;
      this.improvements.push(index);
      this.cutBest(this.improvements.length - 1);
      this.best.push({ x, y });
    }
    if (this.improvements.length === 0) return;
    // The line goes on to the newest candidate.
    this.cutBest(this.improvements.length);
    this.best.push({ x, y: this.bestSoFar });
  }

  private cutBest(corners: number): void {
    if (this.best.length > corners) this.best.length = corners;
  }

  private xOf(candidate: Candidate): number {
    switch (this.axis) {
      case 'evaluations':
        return candidate.place;
      case 'generations':
        return candidate.generation + (0.8 * candidate.child) / (this.widestChild + 1) - 0.4;
      case 'time':
        return candidate.timeMs - this.startedMs;
    }
  }

  private drawBands(generations: RunModel['generations']): void {
    this.generations = generations;
    [this.median, this.low, this.high] = [[], [], []];
    let at = 0;
    for (const { generation, median, quartiles } of generations) {
      while (at < this.candidates.length && this.candidates[at]!.generation <= generation) at++;
      const x = this.axis === 'generations' ? generation : (this.xs[at - 1] ?? 0);
      this.median.push({ x, y: median });
      this.low.push({ x, y: quartiles[0] });
      this.high.push({ x, y: quartiles[1] });
    }
  }
}
