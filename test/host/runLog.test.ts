import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { PIECE_BYTES } from '../../src/dashboard/reader/eventTail.ts';
import { RunReader } from '../../src/dashboard/reader/runReader.ts';
import { createRunFolder } from '../../src/engine/runs/runFolder.ts';
import { someManifest } from '../fakes/runManifest.ts';
import './harness.ts';

const { DigestCache } = await import('../../src/host/runs/digestCache.ts');
const { RunLog } = await import('../../src/host/runs/runLog.ts');

const JUDGED = 5000;

const place = mkdtempSync(join(tmpdir(), 'subnet-run-log-'));
after(() => rmSync(place, { recursive: true }));

describe('a long log', () => {
  const { folder, log } = longRun('long');
  const pieces = Math.ceil(readFileSync(log).length / PIECE_BYTES);

  it('is read piece by piece, so that the window is never held', () => {
    assert.ok(pieces > 5, `${pieces} pieces`);
    const reader = new RunLog(folder);
    let reads = 0;
    do reader.read();
    while (++reads < 100 && reader.isBehind);
    assert.ok(reads >= pieces && reads < 2 * pieces, `${reads} reads of ${pieces} pieces`);
    const reading = reader.read();
    assert.ok(reading.kind === 'run' && reading.digest.state === 'finished');
    assert.equal(reading.digest.best, 1);
  });

  it('lets other work go on while a dashboard takes it in', async () => {
    const reader = new RunReader(folder);
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      if (isOver) return;
      turns++;
      setImmediate(count);
    };
    setImmediate(count);
    await reader.catchUp();
    isOver = true;
    assert.ok(turns >= pieces - 1, `${turns} turns in ${pieces} pieces`);
    assert.equal(reader.current().state, 'finished');
  });
});

describe('the digest of a log', () => {
  const version = '1.0.0';
  let cacheFolder: string;
  beforeEach(() => {
    cacheFolder = mkdtempSync(join(place, 'cache-'));
  });

  it('is kept for the next window, which reads no line of it', () => {
    const { folder } = longRun('kept');
    const first = readWhole(folder, cacheFolder);
    assert.ok(first.reads > 5);
    assert.deepEqual(readWhole(folder, cacheFolder), { reads: 1, digest: first.digest });
    assert.deepEqual(readWhole(folder, cacheFolder, '1.0.1'), first);
  });

  it('is made again when the log grows, or the digest is damaged', () => {
    const { folder, log } = longRun('grown');
    const first = readWhole(folder, cacheFolder);
    const [name] = readdirSync(cacheFolder);
    const path = join(cacheFolder, name!);
    const whole = readFileSync(path, 'utf8');
    for (const damaged of ['', whole.slice(0, 90), whole.replace('"finished"', '"failed"'), '[]']) {
      writeFileSync(path, damaged);
      assert.deepEqual(readWhole(folder, cacheFolder), first);
    }
    appendFileSync(log, '{"kind":"runStopped","seq":9999,"timeMs":2}\n');
    const grown = readWhole(folder, cacheFolder);
    assert.ok(grown.reads > 5);
    assert.equal(grown.digest.state, 'stopped');
  });

  it('of a run that is gone is removed', () => {
    const { folder } = longRun('gone');
    readWhole(folder, cacheFolder);
    assert.equal(readdirSync(cacheFolder).length, 1);
    new DigestCache(cacheFolder, version).keepOnly([folder]);
    assert.equal(readdirSync(cacheFolder).length, 1);
    new DigestCache(cacheFolder, version).keepOnly([]);
    assert.deepEqual(readdirSync(cacheFolder), []);
  });

  function readWhole(folder: string, cache: string, of = version) {
    const log = new RunLog(folder, new DigestCache(cache, of));
    let reading = log.read();
    let reads = 1;
    for (; log.isBehind; reads++) reading = log.read();
    assert.ok(reading.kind === 'run');
    return { reads, digest: reading.digest };
  }
});

/** A finished run that judged thousands of subnets. */
function longRun(id: string): { readonly folder: string; readonly log: string } {
  const run = createRunFolder(place, someManifest({ id }));
  run.append({ kind: 'runStarted', id, folder: run.path, resumed: false });
  run.close();
  const log = join(run.path, 'events.jsonl');
  const lines = Array.from({ length: JUDGED }, (_, i) =>
    JSON.stringify({
      ...{ kind: 'evaluated', generation: i >> 6, child: i & 63, key: `key${i}` },
      ...{ fitness: JUDGED - i, how: 'mutation', parents: ['parent'], params: 1000 },
      ...{ seq: i + 1, timeMs: 1 },
    }),
  );
  lines.push(JSON.stringify({ kind: 'runFinished', ms: 1, seq: JUDGED + 1, timeMs: 1 }));
  appendFileSync(log, `${lines.join('\n')}\n`);
  return { folder: run.path, log };
}
