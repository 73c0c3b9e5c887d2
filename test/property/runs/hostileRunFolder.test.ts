import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { comparisonsIn } from '../../../src/dashboard/reader/comparisons.ts';
import { RunReader } from '../../../src/dashboard/reader/runReader.ts';
import { readSubnetConfig } from '../../../src/engine/export/subnetConfig.ts';
import { readRunEvents, summariseRun } from '../../../src/engine/runs/listRuns.ts';
import { RunFolder } from '../../../src/engine/runs/runFolder.ts';
import { readResults } from '../../../src/engine/runs/runLayout.ts';
import { decodeState } from '../../../src/engine/search/state.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { savedQueue, saveQueue } from '../../../src/service/queueStore.ts';
import { largestAllocation } from '../../fixtures/allocations.ts';
import { comparedTable } from '../../fixtures/recordedComparison.ts';
import { makeRecordedRun } from '../../fixtures/recordedRun.ts';
import { RECORDED } from '../../fixtures/recordedRuns.ts';
import {
  anyJsonMutation,
  anyLinesMutation,
  byteMutation,
  type Mutation,
} from '../checkpoint/mutations.ts';
import { mutationsOf, propertyOptions } from '../propertyOptions.ts';

/** Largest array allowed beside those of the file's own size; pictures of the tiny model take 4 KB. */
const SLACK_BYTES = 2_000_000;
/** A reading that takes longer counts as hanging, ms; the slowest take some 20 on a quiet machine. */
const HANG_MS = 2000;

const root = mkdtempSync(join(tmpdir(), 'subnet-hostile-'));
after(() => {
  rmSync(root, { recursive: true });
});
let run: string;
before(() => {
  const made = makeRecordedRun(join(root, 'workspace'), RECORDED.get('tiny-sparse')!);
  made.close();
  run = made.folder;
});

/** Everything that reads a run folder, each by itself: one that refuses must not hide the others. */
function readEverything(folder: string): (() => unknown)[] {
  const candidate = { kind: 'candidate', key: '0123456789abcdef' } as const;
  const reader = (work: (reader: RunReader) => unknown) => (): unknown =>
    work(new RunReader(folder));
  return [
    () => summariseRun(folder, 'x'),
    () => readRunEvents(folder),
    () => readResults(folder),
    reader((one) => one.snapshot()),
    reader((one) => one.mask({ kind: 'named', name: 'searched' })),
    reader((one) => one.mask(candidate)),
    reader((one) => one.frequency()),
    reader((one) => one.importance()),
    reader((one) => one.layerScores(1)),
    reader((one) => one.sparsity()),
    reader((one) => one.weightPattern(0, 'gate')),
    () => {
      const opened = new RunFolder(folder);
      try {
        opened.stageResult('search');
        opened.readMasks('searched');
        const saved = opened.latestGeneration();
        if (saved !== undefined) decodeState(saved.state);
      } finally {
        opened.close();
      }
    },
  ];
}

/** Times each of the other files is spoilt. */
const TIMES = mutationsOf(200);

const FILES: readonly (readonly [name: string, mutation: fc.Arbitrary<Mutation>])[] = [
  ['manifest.json', anyJsonMutation],
  ['results.json', anyJsonMutation],
  ['events.jsonl', anyLinesMutation],
  ['evaluations.jsonl', anyLinesMutation],
  ['stages/search.json', anyJsonMutation],
  ['stages/scores.bin', byteMutation],
  ['masks/searched.json', anyJsonMutation],
  ['masks/candidates.bin', byteMutation],
  ['masks/sparse.json', anyJsonMutation],
  ['masks/sparse.bits', byteMutation],
  ['checkpoint', anyJsonMutation],
  ['lock.json', anyJsonMutation],
];
/** Times each of them is spoilt: its share of the folders that are. */
const SHARE = Math.ceil(mutationsOf(60 * FILES.length) / FILES.length);

describe('a run folder of which a file is spoilt is read, or gives one error', () => {
  for (const [name, mutation] of FILES) {
    test(name, async () => {
      const folder = join(root, name.replaceAll('/', '-'));
      cpSync(run, folder, { recursive: true });
      const path = join(folder, name === 'checkpoint' ? newestGeneration(folder) : name);
      const good = existsSync(path)
        ? readFileSync(path)
        : Buffer.from(JSON.stringify({ pid: 1, started: null, host: 'x', space: 'y', hold: 'z' }));
      await checkReadings({ path, good, mutation, times: SHARE, readings: readEverything(folder) });
    });
  }
});

test('a spoilt table of a comparison is read, or gives one error', async () => {
  const configDir = join(root, 'compared');
  const path = join(configDir, '.subnet', 'compare', 'aa', 'comparison.json');
  cpSync(run, join(path, '..'), { recursive: true });
  const good = Buffer.from(JSON.stringify(comparedTable(5, 'finished')));
  const readings = [() => comparisonsIn(configDir)];
  await checkReadings({ path, good, mutation: anyJsonMutation, times: TIMES, readings });
});

test('a spoilt queue is taken over as far as it can be read', async () => {
  const path = join(root, 'queue.json');
  saveQueue(root, []);
  const job = { id: '1', title: 'x', state: 'queued', submittedMs: 1, runFolder: null };
  const work = { kind: 'run', configPath: '/a.jsonc' };
  const good = Buffer.from(JSON.stringify({ schemaVersion: 1, jobs: [{ ...job, work }, job] }));
  const readings = [() => savedQueue(root)];
  await checkReadings({ path, good, mutation: anyJsonMutation, times: TIMES, readings });
});

test('a spoilt subnet.json is read, or gives one error', async () => {
  const path = join(root, 'subnet.json');
  const good = readFileSync(join(run, 'export', 'subnet.json'));
  const readings = [() => readSubnetConfig(path)];
  await checkReadings({ path, good, mutation: anyJsonMutation, times: TIMES, readings });
});

/** A file that is spoilt again and again, and what reads it. */
interface Spoiling {
  readonly path: string;
  readonly good: Uint8Array;
  readonly mutation: fc.Arbitrary<Mutation>;
  readonly times: number;
  readonly readings: readonly (() => unknown)[];
}

async function checkReadings({
  path,
  mutation,
  times,
  readings,
  ...from
}: Spoiling): Promise<void> {
  // A slice of a Buffer is no copy.
  const good = new Uint8Array(from.good);
  const tryOnce = async (spoil: Mutation): Promise<void> => {
    const bad = spoil(good);
    for (const [i, read] of readings.entries()) {
      writeFileSync(path, bad);
      const start = process.cpuUsage();
      const largest = await largestAllocation(() => {
        try {
          read();
        } catch (error) {
          if (!isEngineError(error)) throw error;
          assert.ok(error.message.length < 2000, 'the message repeats too much of the file');
        }
        return Promise.resolve();
      });
      assert.ok(largest <= 4 * bad.length + SLACK_BYTES, `reading ${i} asked for ${largest} bytes`);
      const { user } = process.cpuUsage(start);
      assert.ok(user < 1000 * HANG_MS, `reading ${i} took ${user / 1000} ms`);
    }
  };
  await fc.assert(
    fc.asyncProperty(mutation, tryOnce),
    propertyOptions({ numRuns: times, includeErrorInReport: true }),
  );
}

function newestGeneration(folder: string): string {
  const saved = new RunFolder(folder);
  const generation = saved.latestGeneration()?.generation ?? 0;
  saved.close();
  return join('checkpoint', `generation-${String(generation).padStart(4, '0')}.json`);
}
