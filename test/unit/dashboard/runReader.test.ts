import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { emptyRun, reduceRun } from '../../../src/dashboard/model/runModel.ts';
import { RunReader, type RunChange } from '../../../src/dashboard/reader/runReader.ts';
import { CandidateStore } from '../../../src/engine/runs/candidateStore.ts';
import { createRunFolder, type RunFolder } from '../../../src/engine/runs/runFolder.ts';
import { encodeSubnet } from '../../../src/engine/subnet/encode.ts';
import { subnetKey } from '../../../src/engine/subnet/key.ts';
import { packSubnet } from '../../../src/engine/subnet/pack.ts';
import type { Subnet } from '../../../src/engine/model/subnet.ts';
import type { ModelSummary } from '../../../src/protocol/modelSummary.ts';
import { unitLayout } from '../../../src/protocol/unitLayout.ts';
import { someManifest } from '../../fakes/runManifest.ts';

const model: ModelSummary = {
  ...{ family: 'llama', layers: 2, hidden: 8, heads: 2, kvHeads: 1, headDim: 4, qkUnits: 2 },
  ...{ intermediate: 6, vocab: 10, params: 500, blockParams: 300 },
};
const layout = unitLayout(model);

function subnet(mlp: readonly number[]): Subnet {
  const layer = {
    heads: [{ qk: Uint32Array.of(1), vo: Uint32Array.of(0, 3) }],
    mlp: Uint32Array.from(mlp),
  };
  return { layers: [layer, layer] };
}

const root = mkdtempSync(join(tmpdir(), 'subnet-reader-'));
after(() => {
  rmSync(root, { recursive: true });
});

function newRun(id: string, changes: object = { model }): RunFolder {
  return createRunFolder(root, someManifest({ id, ...changes }));
}

describe('the reader of a run folder', () => {
  it('finds masks by name, among the candidates, and among the survivors', () => {
    const run = newRun('masks');
    const [named, judged, survivor] = [subnet([0, 5]), subnet([1, 2]), subnet([3])] as const;
    run.writeMasks('initialised', encodeSubnet(named));
    const store = new CandidateStore(run.path, layout);
    store.append(subnetKey(judged), packSubnet(layout, judged));
    store.close();
    const genome = { dropped: [], layers: encodeSubnet(survivor).layers };
    run.saveGeneration(0, { survivors: [{ key: subnetKey(survivor), genome }] });
    run.close();
    const reader = new RunReader(run.path);
    const byName = reader.mask({ kind: 'named', name: 'initialised' });
    assert.deepEqual(byName, { key: subnetKey(named), bits: packSubnet(layout, named) });
    for (const wanted of [named, judged, survivor]) {
      const { bits } = reader.mask({ kind: 'candidate', key: subnetKey(wanted) });
      assert.deepEqual(Uint8Array.from(bits), packSubnet(layout, wanted));
    }
    assert.deepEqual(reader.snapshot().masks, { initialised: subnetKey(named) });
    assert.throws(
      () => reader.mask({ kind: 'candidate', key: '0'.repeat(16) }),
      /does not hold the masks of subnet/,
    );
  });

  it('knows the keys of named masks again until their file is another', () => {
    const run = newRun('keys');
    const [first, second] = [subnet([0, 5]), subnet([1])];
    run.writeMasks('searched', encodeSubnet(first));
    const reader = new RunReader(run.path);
    assert.deepEqual(reader.snapshot().masks, { searched: subnetKey(first) });
    assert.deepEqual(reader.snapshot().masks, { searched: subnetKey(first) });
    run.writeMasks('searched', encodeSubnet(second));
    assert.deepEqual(reader.snapshot().masks, { searched: subnetKey(second) });
    rmSync(join(run.path, 'masks', 'searched.json'));
    assert.deepEqual(reader.snapshot().masks, {});
    run.close();
  });

  it('counts how often each unit is kept by the last survivors', () => {
    const run = newRun('shares');
    const store = new CandidateStore(run.path, layout);
    const all = [subnet([0, 1]), subnet([1, 2])];
    for (const one of all) store.append(subnetKey(one), packSubnet(layout, one));
    store.close();
    run.append({
      ...{ kind: 'generationFinished', generation: 0, best: 1, median: 1, quartiles: [1, 1] },
      ...{ survivors: all.map(subnetKey), ms: 1 },
    });
    run.close();
    const { subnets, shares } = new RunReader(run.path).frequency();
    assert.equal(subnets, 2);
    assert.deepEqual(
      [...shares.subarray(0, layout.perLayer)],
      [...[0, 255], ...[255, 0, 0, 255], ...[128, 255, 128, 0, 0, 0]],
    );
  });

  it('ranks scores among units of their kind', () => {
    const run = newRun('scores');
    const scores = Float64Array.from([5, 1, 9, 9, 2, 3, 10, 20, 30, 40, 50, 60]);
    mkdirSync(join(run.path, 'stages'), { recursive: true });
    const bytes = new Uint8Array(Float64Array.from([...scores, ...scores]).buffer);
    writeFileSync(join(run.path, 'stages', 'scores.bin'), bytes);
    run.close();
    const reader = new RunReader(run.path);
    const ranks = [...reader.importance().subarray(layout.perLayer)];
    assert.deepEqual(ranks, [255, 0, 170, 170, 0, 85, 0, 51, 102, 153, 204, 255]);
    assert.deepEqual(reader.layerScores(1), Float32Array.from(scores));
    assert.throws(() => reader.layerScores(2), /does not hold the scores of block 2/);
  });

  it('tells followers what is appended, leaving out progress that was overtaken', async () => {
    const run = newRun('follow');
    run.append({ kind: 'runStarted', id: 'follow', folder: run.path, resumed: false });
    const reader = new RunReader(run.path);
    let shown = reader.current();
    assert.equal(shown.state, 'running');
    const changes: RunChange[] = [];
    const finished = new Promise<void>((resolve) => {
      const stop = reader.follow((change) => {
        changes.push(change);
        if (change.kind !== 'events') return;
        shown = reduceRun(shown, change.batch.events);
        if (shown.state !== 'finished') return;
        stop();
        resolve();
      });
    });
    for (let done = 0; done < 50; done++) {
      run.append({ kind: 'stageProgress', stage: 'search', done, total: 50, etaMs: null });
    }
    run.append({ kind: 'runFinished', ms: 5 });
    await finished;
    run.close();
    const count = changes.reduce(
      (n, c) => n + (c.kind === 'events' ? c.batch.events.length : 0),
      0,
    );
    assert.ok(count < 51, `${count} events were told one by one`);
    assert.deepEqual(shown, reader.current());
  });

  it('reads no half line, and starts over when the log became shorter', () => {
    const run = newRun('torn');
    run.append({ kind: 'runStarted', id: 'torn', folder: run.path, resumed: false });
    run.close();
    const log = join(run.path, 'events.jsonl');
    const reader = new RunReader(run.path);
    appendFileSync(log, '{"kind":"runFinished","ms":1,');
    assert.equal(reader.current().nextSeq, 1);
    appendFileSync(log, '"seq":1,"timeMs":2}\n');
    assert.equal(reader.current().state, 'finished');
    writeFileSync(log, '');
    assert.deepEqual(reader.current(), emptyRun);
  });

  it('calls a run stopped when its process is gone', () => {
    const run = newRun('gone');
    run.append({ kind: 'runStarted', id: 'gone', folder: run.path, resumed: false });
    run.close();
    assert.equal(new RunReader(run.path).current().state, 'stopped');
  });

  it('opens runs that did not record their model, without pictures', () => {
    const run = newRun('old', {});
    run.close();
    const reader = new RunReader(run.path);
    assert.equal(reader.snapshot().head.model, null);
    assert.throws(() => reader.importance(), /did not record the sizes of its model/);
  });
});
