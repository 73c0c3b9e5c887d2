import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { RunReader } from '../../../src/dashboard/reader/runReader.ts';
import { createRunFolder } from '../../../src/engine/runs/runFolder.ts';
import { MOST_SIZE } from '../../../src/protocol/bounds.ts';
import { EngineError } from '../../../src/protocol/errors.ts';
import type { SparsityRecord } from '../../../src/protocol/sparsityRecord.ts';
import { someManifest } from '../../fakes/runManifest.ts';

const root = mkdtempSync(join(tmpdir(), 'subnet-zeros-'));
after(() => {
  rmSync(root, { recursive: true });
});

/** Two maps of one block; the second begins where the first ends. */
const record: SparsityRecord = {
  ...{ schemaVersion: 1, method: 'wanda', pattern: '2:4', scope: 'mlp' },
  maps: [
    {
      ...{ block: 0, map: 'gate', rows: 3, columns: 12, kept: 18, offset: 0, along: 'inputs' },
      ...{ error: null, scores: { from: -3, to: 1, kept: [0, 18], removed: [18, 0] } },
    },
    {
      ...{ block: 0, map: 'down', rows: 2, columns: 8, kept: 8, offset: 6, along: 'inputs' },
      ...{ error: { before: 0.2, after: 0.1 }, scores: null },
    },
  ],
};
const bits = Uint8Array.of(0x33, 0x03, 0x55, 0x05, 0xcc, 0x0c, 0x66, 0x99);

function runWith(id: string, text: string, bytes: Uint8Array | null): RunReader {
  const run = createRunFolder(root, someManifest({ id }));
  run.close();
  const masks = join(run.path, 'masks');
  mkdirSync(masks, { recursive: true });
  writeFileSync(join(masks, 'sparse.json'), text);
  if (bytes !== null) writeFileSync(join(masks, 'sparse.bits'), bytes);
  return new RunReader(run.path);
}

function changed(change: object): string {
  const [first, second] = record.maps;
  return JSON.stringify({ ...record, maps: [{ ...first, ...change }, second] });
}

describe('the zeros of a run', () => {
  it('are read map by map', () => {
    const reader = runWith('whole', JSON.stringify(record), bits);
    assert.ok(reader.snapshot().hasSparsity);
    assert.deepEqual(reader.sparsity(), record);
    const gate = reader.weightPattern(0, 'gate');
    assert.deepEqual([gate.rows, gate.columns], [3, 12]);
    assert.deepEqual([...gate.bits], [...bits.subarray(0, 6)]);
    assert.deepEqual([...reader.weightPattern(0, 'down').bits], [0x66, 0x99]);
  });

  it('travel as bytes that a page gets as such, not as a Buffer', () => {
    const { bits: found } = runWith('bytes', JSON.stringify(record), bits).weightPattern(0, 'gate');
    assert.equal(Object.getPrototypeOf(found), Uint8Array.prototype);
  });

  it('are read again when the record is another', () => {
    const reader = runWith('again', JSON.stringify(record), bits);
    assert.equal(reader.sparsity().pattern, '2:4');
    const path = join(reader.folder, 'masks', 'sparse.json');
    writeFileSync(path, JSON.stringify({ ...record, pattern: '50.5%' }));
    assert.equal(reader.sparsity().pattern, '50.5%');
  });

  it('are missing while a run has none', () => {
    const run = createRunFolder(root, someManifest({ id: 'none' }));
    run.close();
    const reader = new RunReader(run.path);
    assert.equal(reader.snapshot().hasSparsity, false);
    assert.throws(() => reader.sparsity(), isProblem('run', /Wait until/));
  });

  it('are refused for a weight that has none', () => {
    const reader = runWith('other', JSON.stringify(record), bits);
    assert.throws(
      () => reader.weightPattern(0, 'q'),
      isProblem('run', /q of block 0 was not made sparse/),
    );
    assert.throws(() => reader.weightPattern(7, 'gate'), isProblem('run', /block 7/));
  });

  const hostile: readonly (readonly [string, string, RegExp])[] = [
    ['no JSON', '{ "schemaVersion": 1, "meth', /sparse\.json/],
    ['another version', JSON.stringify({ ...record, schemaVersion: 2 }), /schemaVersion/],
    ['a map of no block', changed({ map: 'embed' }), /map/],
    ['a negative place', changed({ offset: -8 }), /offset/],
    ['half a row', changed({ rows: 1.5 }), /rows/],
    [
      'more bars than a picture has',
      changed({
        scores: { from: 0, to: 1, kept: Array.from({ length: 257 }, () => 1), removed: [] },
      }),
      /kept/,
    ],
  ];
  for (const [what, text, expected] of hostile) {
    it(`are refused when the record holds ${what}`, () => {
      const reader = runWith(`bad ${what}`, text, bits);
      assert.throws(() => reader.sparsity(), isProblem('decode', expected));
    });
  }

  it('are refused where the record points behind the file, without memory for it', () => {
    for (const [id, change] of [
      ['rows', { rows: MOST_SIZE, columns: MOST_SIZE }],
      ['offset', { offset: Number.MAX_SAFE_INTEGER }],
      ['more', { rows: 5 }],
    ] as const) {
      const reader = runWith(`behind ${id}`, changed(change), bits);
      assert.throws(() => reader.weightPattern(0, 'gate'), isProblem('run', /8 bytes/), id);
    }
    const absurd = runWith('absurd', changed({ columns: Number.MAX_SAFE_INTEGER }), bits);
    assert.throws(() => absurd.weightPattern(0, 'gate'), isProblem('decode', /columns/));
  });

  it('are refused when their bits are gone, or are a link out of the run', (t) => {
    const gone = runWith('gone', JSON.stringify(record), null);
    assert.throws(() => gone.weightPattern(0, 'gate'), isProblem('run', /sparse\.bits/));
    const linked = runWith('linked', JSON.stringify(record), null);
    const outside = join(root, 'outside.bits');
    writeFileSync(outside, bits);
    try {
      symlinkSync(outside, join(linked.folder, 'masks', 'sparse.bits'));
    } catch {
      return t.skip('links need a privilege here');
    }
    assert.throws(() => linked.weightPattern(0, 'gate'), EngineError);
  });
});

function isProblem(code: string, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };
}
