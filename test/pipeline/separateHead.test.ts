import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { estimateRun } from '../../src/engine/pipeline/estimateRun.ts';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import type { EvaluationReport } from '../../src/protocol/engineApi.ts';
import { start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
const SHORT = { search: { enabled: false } };
const NOTE = /weights hold another one, "lm_head\.weight"/;
/** Says what its weights are. */
let honest: TinyRun;
/** The same weights under a configuration that ties the head to the embedding table. */
let tied: TinyRun;

before(async () => {
  honest = await writeTinyRun(join(folder, 'honest'), SHORT, { tied: false });
  tied = await writeTinyRun(join(folder, 'tied'), SHORT, { tied: false });
  const path = join(tied.model, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...config, tie_word_embeddings: true }));
});

function evaluated(path: string): Promise<EvaluationReport> {
  const context = { signal: new AbortController().signal, emit: () => undefined };
  const request = { path, text: honest.text, context: 32, maxWindows: 4, device: 'cpu' } as const;
  return evaluateModel(request, context);
}

test('a head that the configuration denies is used, and the evaluation says so', async () => {
  const [right, found] = [await evaluated(honest.model), await evaluated(tied.model)];
  assert.equal(found.lossNats, right.lossNats);
  assert.equal(found.params, right.params);
  assert.match(found.notes!.join(), NOTE);
  assert.equal(right.notes, undefined);
});

test('a run with such a model notes it before it starts, in its log, and exports the head', async () => {
  const { warnings } = await estimateRun(tied.config, new AbortController().signal);
  assert.match(warnings.join(), NOTE);
  const logged: string[] = [];
  const { runFolder } = await start(tied.config, {
    watch: (event) => {
      if (event.kind === 'log' && event.level === 'warning') logged.push(event.text);
    },
  });
  assert.match(logged.join(), NOTE);
  assert.match(readFileSync(join(runFolder, 'log.txt'), 'utf8'), NOTE);
  const other = await start(honest.config);
  const exported = (run: string): Promise<EvaluationReport> =>
    evaluated(join(run, 'export', 'checkpoint'));
  assert.equal((await exported(runFolder)).lossNats, (await exported(other.runFolder)).lossNats);
});
