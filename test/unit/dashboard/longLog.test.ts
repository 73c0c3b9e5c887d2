import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { emptyRun, reduceRun, type RunModel } from '../../../src/dashboard/model/runModel.ts';
import {
  MOST_CANDIDATES,
  MOST_GENERATIONS,
  putGeneration,
} from '../../../src/dashboard/model/thinned.ts';
import { EventTail, PIECE_LINES } from '../../../src/dashboard/reader/eventTail.ts';
import { RunReader } from '../../../src/dashboard/reader/runReader.ts';
import { createRunFolder } from '../../../src/engine/runs/runFolder.ts';
import { eventStamper, type RunEventBody } from '../../../src/protocol/runEvent.ts';
import { someManifest } from '../../fakes/runManifest.ts';

const root = mkdtempSync(join(tmpdir(), 'subnet-long-log-'));
after(() => {
  rmSync(root, { recursive: true });
});

const CHILDREN = 100;

describe('a search that is longer than any', () => {
  // A fitness that falls with a scatter, so that the best are spread over the search.
  const fitnessAt = (i: number): number => 5 + ((i * 7919) % 1000) / 1000 - i / 1e6;
  const judged = 3 * MOST_CANDIDATES;
  const model = modelAfter(judged, 1);

  it('is counted whole, and shown by a bounded number of candidates in their order', () => {
    const { candidates } = model;
    assert.equal(model.judged, judged);
    assert.ok(candidates.length <= MOST_CANDIDATES && candidates.length >= MOST_CANDIDATES / 4);
    const places = candidates.map(({ place }) => place);
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
    assert.deepEqual([places[0], places.at(-1)], [1, judged]);
    for (const { place, key } of candidates) assert.equal(key, keyAt(place - 1));
  });

  it('keeps its best, and some of every part', () => {
    const shown = new Set(model.candidates.map(({ place }) => place));
    const all = Array.from({ length: judged }, (_, i) => i);
    const best = all.toSorted((a, b) => fitnessAt(a) - fitnessAt(b)).slice(0, 200);
    for (const i of best) assert.ok(shown.has(i + 1), `candidate ${i + 1} is gone`);
    for (let from = 1; from < judged; from += 64) {
      const part = Array.from({ length: 64 }, (_, i) => from + i);
      assert.ok(
        part.some((place) => shown.has(place)),
        `nothing of ${from} and after is shown`,
      );
    }
  });

  it('is the same however its log was cut, and no larger a message for being longer', () => {
    assert.deepEqual(modelAfter(judged, 777), model);
    const size = JSON.stringify(model).length;
    const longer = JSON.stringify(modelAfter(8 * judged, 777)).length;
    // Between two thinnings the number of candidates doubles.
    assert.ok(longer < 2.5 * size, `${longer} characters, ${size} of an eighth of the log`);
  });

  it('does not count one again that was told again after a kill', () => {
    const again = reduceRun(model, [{ ...evaluated(judged - 1), seq: model.nextSeq, timeMs: 9 }]);
    assert.equal(again.judged, judged);
  });

  function evaluated(i: number): RunEventBody {
    return {
      ...{ kind: 'evaluated', generation: Math.floor(i / CHILDREN), child: i % CHILDREN },
      ...{ key: keyAt(i), fitness: fitnessAt(i), how: 'mutation', parents: [], params: 10 },
    };
  }

  function modelAfter(count: number, pieces: number): RunModel {
    const stamp = eventStamper(() => 1);
    const events = Array.from({ length: count }, (_, i) => stamp(evaluated(i)));
    let made = emptyRun;
    const each = Math.ceil(count / pieces);
    for (let at = 0; at < count; at += each) made = reduceRun(made, events.slice(at, at + each));
    return made;
  }
});

describe('the generations of a very long search', () => {
  it('are bounded, in order, evenly spaced, and end with the newest', () => {
    const kept: { readonly generation: number }[] = [];
    const last = 5 * MOST_GENERATIONS;
    for (let generation = 0; generation <= last; generation++) putGeneration(kept, { generation });
    assert.ok(kept.length <= MOST_GENERATIONS && kept.length >= MOST_GENERATIONS / 4);
    assert.deepEqual([kept[0]?.generation, kept.at(-1)?.generation], [0, last]);
    const widest = kept.slice(1).map(({ generation }, i) => generation - kept[i]!.generation);
    assert.ok(Math.max(...widest) <= 16, `a gap of ${Math.max(...widest)}`);
  });

  it('that is told again takes the place of the one before', () => {
    const kept: { readonly generation: number; readonly best?: number }[] = [];
    for (let generation = 0; generation < 5; generation++) putGeneration(kept, { generation });
    putGeneration(kept, { generation: 3, best: 1 });
    assert.deepEqual(kept, [
      ...[0, 1, 2].map((generation) => ({ generation })),
      { generation: 3, best: 1 },
      { generation: 4 },
    ]);
  });
});

describe('a log of very many lines', () => {
  it('that mean nothing is read a bounded number at a time, to its end', () => {
    const folder = newRun('short-lines');
    const lines = 5 * PIECE_LINES;
    appendFileSync(join(folder, 'events.jsonl'), 'x\n'.repeat(lines) + FINISHED);
    const tail = new EventTail(folder);
    let reads = 0;
    do tail.read();
    while (++reads < 100 && tail.isBehind);
    assert.ok(reads > lines / PIECE_LINES && reads < 2 + (2 * lines) / PIECE_LINES, `${reads}`);
    assert.equal(new RunReader(folder).current().state, 'finished');
  });

  it('asks its followers to take a snapshot once, when all of it was read', async () => {
    const folder = newRun('many-stages');
    const log = join(folder, 'events.jsonl');
    const reader = new RunReader(folder);
    await reader.catchUp();
    const changes: string[] = [];
    const stop = reader.follow(({ kind }) => {
      changes.push(kind);
      if (kind === 'snapshot') changes.push(reader.snapshot().model.state);
    });
    const line = (i: number): string =>
      JSON.stringify({ kind: 'stageFinished', stage: 'search', ms: 1, seq: i, timeMs: 1 });
    const lines = Array.from({ length: 3 * PIECE_LINES }, (_, i) => line(i));
    lines.push(JSON.stringify({ kind: 'runFinished', ms: 1, seq: lines.length, timeMs: 1 }));
    appendFileSync(log, `${lines.join('\n')}\n`);
    await reader.catchUp();
    stop();
    assert.deepEqual(changes, [...Array<string>(4).fill('events'), 'snapshot', 'finished']);
  });

  it('with a block that no model has is read without it', () => {
    const folder = newRun('far-block');
    const line = { kind: 'blockSparsified', block: 4_000_000_000, maps: [], seq: 0, timeMs: 1 };
    appendFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(line)}\n${FINISHED}`);
    const model = new RunReader(folder).current();
    assert.deepEqual([model.densities, model.state], [[], 'finished']);
  });
});

const FINISHED = '{"kind":"runFinished","ms":1,"seq":9,"timeMs":1}\n';

function newRun(id: string): string {
  const run = createRunFolder(root, someManifest({ id }));
  run.close();
  writeFileSync(join(run.path, 'events.jsonl'), '');
  return run.path;
}

function keyAt(i: number): string {
  return i.toString(16).padStart(16, '0');
}
