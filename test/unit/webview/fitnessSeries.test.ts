import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptyRun, reduceRun } from '../../../src/dashboard/model/runModel.ts';
import { FitnessSeries } from '../../../webview/data/fitnessSeries.ts';
import { evaluated, generationFinished, stamped } from './recordedModel.ts';

const events = stamped([
  evaluated(1, 0, 9),
  evaluated(2, 0, 11),
  generationFinished(0, 9),
  evaluated(3, 1, 7, [1]),
  evaluated(4, 1, 8, [1]),
  evaluated(5, 1, 6, [1, 2]),
  generationFinished(1, 6),
]);
const whole = reduceRun(emptyRun, events);

describe('the fitness of a search', () => {
  it('is the same whether it came at once or bit by bit, on every axis', () => {
    for (const axis of ['evaluations', 'generations', 'time'] as const) {
      const [once, grown] = [new FitnessSeries(), new FitnessSeries()];
      once.update(whole, axis);
      for (let count = 0; count <= events.length; count++) {
        grown.update(reduceRun(emptyRun, events.slice(0, count)), axis);
      }
      for (const part of ['xs', 'ys', 'best', 'median', 'low', 'high', 'improvements'] as const) {
        assert.deepEqual(grown[part], once[part], `${axis}: ${part}`);
      }
    }
  });

  it('marks each improvement, and carries the best on to the newest candidate', () => {
    const series = new FitnessSeries();
    series.update(whole, 'evaluations');
    assert.deepEqual(series.improvements, [0, 2, 4]);
    assert.deepEqual(series.best, [
      { x: 1, y: 9 },
      { x: 3, y: 7 },
      { x: 5, y: 6 },
      { x: 5, y: 6 },
    ]);
  });

  it('stands each generation where its last candidate stands', () => {
    const series = new FitnessSeries();
    series.update(whole, 'evaluations');
    assert.deepEqual(series.median, [
      { x: 2, y: 11 },
      { x: 5, y: 8 },
    ]);
  });

  it('says that it grew, stayed or became another', () => {
    const series = new FitnessSeries();
    const start = reduceRun(emptyRun, events.slice(0, 2));
    assert.equal(series.update(start, 'evaluations'), 'new');
    assert.equal(series.update(start, 'evaluations'), 'same');
    assert.equal(series.update(reduceRun(start, events), 'evaluations'), 'grown');
    assert.equal(series.update(whole, 'time'), 'new');
    assert.equal(series.update(start, 'time'), 'new');
    assert.equal(series.xs.length, 2);
  });

  it('leaves a fitness that is no number out of range and best', () => {
    const series = new FitnessSeries();
    const odd = stamped([evaluated(1, 0, Infinity), evaluated(2, 0, 5)]);
    series.update(reduceRun(emptyRun, odd), 'evaluations');
    assert.deepEqual(series.range(), { low: 5, high: 5 });
    assert.deepEqual(series.improvements, [1]);
  });

  it('finds the nearest point within reach', () => {
    const series = new FitnessSeries();
    series.update(whole, 'evaluations');
    const place = (i: number): { x: number; y: number } => ({ x: 10 * series.xs[i]!, y: 0 });
    assert.equal(series.nearest(place, { x: 32, y: 0 }, 5), 2);
    assert.equal(series.nearest(place, { x: 36, y: 0 }, 3), -1);
  });
});
