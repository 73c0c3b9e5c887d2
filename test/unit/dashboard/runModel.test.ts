import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptyRun, hasGap, reduceRun } from '../../../src/dashboard/model/runModel.ts';
import { eventStamper, type RunEvent, type RunEventBody } from '../../../src/protocol/runEvent.ts';

/** Stamps events one second apart. */
function told(...bodies: readonly RunEventBody[]): RunEvent[] {
  let clock = 0;
  const stamp = eventStamper(() => (clock += 1000));
  return bodies.map(stamp);
}

const started: RunEventBody = { kind: 'runStarted', id: 'a', folder: '/a', resumed: false };

function evaluated(key: string, fitness: number): RunEventBody {
  return {
    ...{ kind: 'evaluated', generation: 0, child: 0, key, fitness },
    ...{ how: 'mutation', parents: [], params: 10 },
  };
}

describe('the model of a run', () => {
  it('is the same whether the log is told at once or piece by piece, twice over', () => {
    const events = told(
      started,
      { kind: 'stageStarted', stage: 'search' },
      evaluated('aa', 3),
      { kind: 'stageProgress', stage: 'search', done: 1, total: 4, etaMs: 3000 },
      evaluated('bb', 2),
      { kind: 'stageFinished', stage: 'search', ms: 4000 },
    );
    const whole = reduceRun(emptyRun, events);
    let pieces = emptyRun;
    for (let i = 0; i < events.length; i++) {
      pieces = reduceRun(pieces, events.slice(Math.max(0, i - 1), i + 1));
    }
    assert.deepEqual(pieces, whole);
    assert.equal(reduceRun(whole, events), whole);
  });

  it('can be continued twice from one place, each time as if it were the first', () => {
    const [first, second, third] = told(started, evaluated('aa', 3), evaluated('bb', 2));
    const before = reduceRun(emptyRun, [first!, second!]);
    const once = reduceRun(before, [third!]);
    assert.deepEqual(reduceRun(before, [third!]), once);
    assert.deepEqual(
      once.candidates.map(({ key }) => key),
      ['aa', 'bb'],
    );
    assert.equal(before.candidates.length, 1);
  });

  it('reads the keys of the candidates it has only once, however long its log is', () => {
    const pieces = Array.from({ length: 40 }, (_, i) => evaluated(`key ${i}`, 3));
    let model = reduceRun(emptyRun, told(started));
    let reads = 0;
    for (const [i, event] of told(...pieces).entries()) {
      model = reduceRun(model, [{ ...event, seq: i + 1 }]);
      const last = model.candidates.at(-1)!;
      const { key } = last;
      Object.defineProperty(last, 'key', { get: () => (reads++, key) });
    }
    assert.equal(model.candidates.length, pieces.length);
    assert.ok(reads <= pieces.length, `${reads} reads of ${pieces.length} keys`);
  });

  it('adds up the time of a stage that was broken off and taken up again', () => {
    const model = reduceRun(
      emptyRun,
      told(
        started,
        { kind: 'stageStarted', stage: 'search' },
        evaluated('aa', 3),
        { kind: 'runStopped' },
        { ...started, resumed: true },
        { kind: 'stageStarted', stage: 'search' },
        evaluated('aa', 3),
        { kind: 'stageFinished', stage: 'search', ms: 700 },
      ),
    );
    const search = model.stages.find(({ stage }) => stage === 'search');
    assert.equal(search?.state, 'done');
    assert.equal(search.spentMs, 2000 + 700);
    assert.deepEqual(
      model.candidates.map(({ key }) => key),
      ['aa'],
    );
    assert.equal(model.state, 'running');
  });

  it('keeps the reason of a failure until the run goes on', () => {
    const failed = told(started, { kind: 'runFailed', code: 'disk', message: 'full' });
    assert.equal(reduceRun(emptyRun, failed).message, 'full');
    const again = told(started, { kind: 'runFailed', code: 'disk', message: 'full' }, started);
    assert.equal(reduceRun(emptyRun, again).message, null);
  });

  it('leaves the stages of a finished run alone while one of its subnets is worked on', () => {
    const done: RunEventBody[] = [
      started,
      { kind: 'stageStarted', stage: 'reform' },
      { kind: 'stageFinished', stage: 'reform', ms: 900 },
      { kind: 'runFinished', ms: 1000 },
    ];
    const before = reduceRun(emptyRun, told(...done));
    const later = reduceRun(emptyRun, told(...done, { kind: 'stageStarted', stage: 'reform' }));
    assert.deepEqual(later.stages, before.stages);
    assert.equal(later.state, 'finished');
  });

  it('tells of work on a subnet as it goes on, and what came out of it', () => {
    const key = '0123456789abcdef';
    const figure = {
      ...{ params: 100, blockParams: 50, perplexity: 4, bytes: 200 },
      ...{ prefillMs: 1, decodeMs: 1, peakBytes: null },
    };
    const events: RunEventBody[] = [
      started,
      { kind: 'runFinished', ms: 1000 },
      { kind: 'subnetStarted', key, reform: false, evaluate: true, forms: [] },
      { kind: 'stageStarted', stage: 'evaluate' },
      { kind: 'stageProgress', stage: 'evaluate', done: 3, total: 10, etaMs: null },
    ];
    const during = reduceRun(emptyRun, told(...events)).work;
    assert.deepEqual(
      [during?.key, during?.title, during?.stage, during?.done, during?.total, during?.result],
      [key, 'Evaluation of subnet 01234567', 'evaluate', 3, 10, null],
    );
    const report = { key, figure, reformed: null, exports: [] };
    const ended = reduceRun(emptyRun, told(...events, { kind: 'subnetReported', report }));
    assert.match(ended.work?.result ?? '', /^Subnet 01234567: held-out perplexity 4, /);
    const again = reduceRun(emptyRun, told(...events, started));
    assert.equal(again.work, null);
  });

  it('keeps what happened as lines of its log', () => {
    const model = reduceRun(
      emptyRun,
      told(
        started,
        { kind: 'stageStarted', stage: 'search' },
        evaluated('aa', 3),
        { kind: 'log', level: 'warning', text: 'Masks of later candidates are not kept.' },
        { kind: 'runStopped' },
      ),
    );
    assert.deepEqual(
      model.log.map(({ level, text }) => `${level} ${text}`),
      [
        'info The run started.',
        'info Search started.',
        'warning Masks of later candidates are not kept.',
        'info The run was paused.',
      ],
    );
  });

  it('sees a gap only when events are missing', () => {
    const model = reduceRun(emptyRun, told(started));
    assert.equal(hasGap(model, 0), false);
    assert.equal(hasGap(model, 1), false);
    assert.equal(hasGap(model, 2), true);
  });
});
