import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { resumeRun } from '../../src/engine/pipeline/resumeRun.ts';
import { startRun } from '../../src/engine/pipeline/startRun.ts';
import { candidateKeys } from '../../src/engine/runs/candidateStore.ts';
import { readRunEvents, summariseRun } from '../../src/engine/runs/listRuns.ts';
import { readManifest } from '../../src/engine/runs/runLayout.ts';
import type { RunOutcome } from '../../src/protocol/engineApi.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { artefactsOf } from './artefacts.ts';
import { errorOf, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
let files: TinyRun;

before(async () => {
  files = await writeTinyRun(join(folder, 'run'));
});

test('a search that is finished early goes on with the best so far', async () => {
  let judged = 0;
  const { runFolder, figures } = await run((event, { finish }) => {
    if (event.kind === 'evaluated' && ++judged === 5) finish();
  });
  const { events } = readRunEvents(runFolder);
  const evaluated = events.flatMap((event) => (event.kind === 'evaluated' ? [event] : []));
  assert.equal(evaluated.length, 5, 'nothing is judged afterwards');
  assert.ok(figures.reformed !== null && figures.searched !== null);
  // Told before it is journalled, the fifth came too late to count.
  const best = evaluated.slice(0, 4).sort((a, b) => a.fitness - b.fitness)[0]!;
  assert.ok(
    events.some((event) => event.kind === 'log' && event.text.includes(best.key)),
    'the log names the best',
  );
  const { key } = subnetOf(runFolder);
  assert.equal(key, best.key);
  const layout = unitLayout(readManifest(runFolder).model!);
  assert.deepEqual(
    candidateKeys(runFolder, layout),
    evaluated.map((event) => event.key),
  );
});

test('stopped right after it was asked to finish, a resumed run ends the same', async () => {
  const at = (stopToo: boolean) => {
    let judged = 0;
    return run((event, { finish, stop }) => {
      if (event.kind !== 'evaluated' || ++judged !== 9) return;
      finish();
      if (stopToo) stop();
    });
  };
  const { runFolder: whole } = await at(false);
  const error = await errorOf(at(true));
  assert.equal(error.code, 'cancelled');
  const stopped = lastFolder;
  assert.ok(existsSync(join(stopped, 'stages/finishSearch.json')));
  assert.ok(!existsSync(join(stopped, 'stages/search.json')));
  const signal = new AbortController().signal;
  await resumeRun(stopped, { signal, emit: () => undefined });
  const summary = summariseRun(stopped, 'run');
  assert.ok(summary.kind === 'run' && summary.state === 'finished');
  assert.deepEqual(artefactsOf(stopped), artefactsOf(whole));
});

test('asked before anything is judged, the initial subnet goes on', async () => {
  const { runFolder } = await run((event, { finish }) => {
    if (event.kind === 'stageStarted' && event.stage === 'calibrate') finish();
  });
  const read = (name: string): string => readFileSync(join(runFolder, 'masks', name), 'utf8');
  assert.equal(read('searched.json'), read('initialised.json'));
});

test('asked when the search is over, nothing changes', async () => {
  const expected = await run(() => undefined);
  const late = await run((event, { finish }) => {
    if (event.kind === 'stageStarted' && event.stage === 'reform') finish();
  });
  assert.deepEqual(artefactsOf(late.runFolder), artefactsOf(expected.runFolder));
  assert.ok(!existsSync(join(late.runFolder, 'stages/finishSearch.json')));
});

let lastFolder: string;

function run(
  watch: (event: RunEvent, act: { finish: () => void; stop: () => void }) => void,
): Promise<RunOutcome> {
  const [stopping, finishing] = [new AbortController(), new AbortController()];
  const act = { finish: () => finishing.abort(), stop: () => stopping.abort() };
  return startRun(files.config, {
    signal: stopping.signal,
    finishSearch: finishing.signal,
    emit: (event) => {
      if (event.kind === 'runStarted') lastFolder = event.folder;
      watch(event, act);
    },
  });
}

function subnetOf(runFolder: string): { readonly key: string } {
  const text = readFileSync(join(runFolder, 'export/subnet.json'), 'utf8');
  return (JSON.parse(text) as { subnet: { key: string } }).subnet;
}
