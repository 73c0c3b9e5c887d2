import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RunOutcome } from '../../src/protocol/engineApi.ts';
import type { ReformVerdicts } from '../../src/protocol/reformVerdict.ts';
import { verdictText } from '../../src/protocol/verdictText.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { start, temporaryFolder } from './inProcess.ts';

const folder = temporaryFolder();

describe('a run with too little calibration text', () => {
  for (const { ratio, windows } of [
    { ratio: 0.9, windows: 1 },
    { ratio: 0.5, windows: 4 },
  ]) {
    it(`does not end worse after the reform: ratio ${ratio}, ${windows} × 128 tokens`, async () => {
      const { figures, reforms, events } = await outcomeOf({ ratio, windows });
      const { initialised, reformed } = figures;
      checkVerdicts(events, reforms);
      if (reforms.reform!.step === 0) assert.equal(reformed, null);
      else assert.ok(reformed!.perplexity! < initialised!.perplexity!, JSON.stringify(figures));
    });
  }

  it('judges the reform of sparse weights as well', async () => {
    const sparsify = { method: 'ours', pattern: '2:4', scope: 'mlp' } as const;
    const { reforms, events } = await outcomeOf({ ratio: 1, windows: 1, sparsify });
    assert.deepEqual(Object.keys(reforms), ['sparsify']);
    checkVerdicts(events, reforms);
  });
});

/** Each verdict is an event and a log line, and accepts nothing that did not gain. */
function checkVerdicts(events: readonly RunEvent[], reforms: ReformVerdicts): void {
  const judged = events.flatMap((event) =>
    event.kind === 'reformJudged' ? [[event.stage, event.verdict]] : [],
  );
  assert.deepEqual(judged, Object.entries(reforms));
  for (const [stage, verdict] of Object.entries(reforms)) {
    const { step, maps, loss, distance } = verdict;
    assert.equal(maps.all, stage === 'reform' ? 16 : 24);
    if (step > 0) assert.ok(loss.after < loss.before && distance.after < distance.before);
    const text = verdictText(stage as keyof ReformVerdicts, verdict);
    const level = step === 0 ? 'warning' : 'info';
    assert.ok(
      events.some((event) => event.kind === 'log' && event.level === level && event.text === text),
    );
  }
}

/** Runs the bundled model without a search. */
async function outcomeOf(
  of: Pick<RunConfig, 'ratio' | 'sparsify'> & { readonly windows: number },
): Promise<RunOutcome & { readonly events: readonly RunEvent[] }> {
  const config: RunConfig = {
    model: example('tiny-llama'),
    text: example('text/calibration.txt'),
    heldout: example('text/heldout.txt'),
    device: 'cpu',
    ratio: of.ratio,
    ...(of.sparsify && { sparsify: of.sparsify }),
    calibration: { windows: of.windows, length: 128 },
    search: { preset: 'quick', enabled: false, windows: 4, length: 128 },
    evaluation: { context: 128, maxWindows: 24, random: false },
    export: { checkpoint: false, onnx: false },
  };
  const path = join(folder, `${of.ratio}-${of.windows}.subnet.jsonc`);
  writeFileSync(path, JSON.stringify(config));
  const events: RunEvent[] = [];
  const outcome = await start(path, { watch: (event) => events.push(event) });
  return { ...outcome, events };
}

function example(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
}
