import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareMethods } from '../../src/engine/pipeline/compareMethods.ts';
import { METHODS_REVISION } from '../../src/engine/pipeline/comparisonKey.ts';
import { temporaryFolder } from './inProcess.ts';
import { writeTinyRun } from './tinyRun.ts';

/**
 * Perplexities of a random model, by scope and method. They mean nothing but that the methods are
 * those of {@link RECORDED_REVISION}.
 */
const recorded: Readonly<Record<string, number>> = {
  'all dense': 621.55896,
  'mlp magnitude': 633.16301,
  'mlp wanda': 650.99511,
  'mlp sparsegpt': 637.72527,
  'mlp dass': 596.48831,
  'mlp ours': 635.66462,
  'all magnitude': 544.79528,
  'all wanda': 863.57613,
  'all sparsegpt': 753.01642,
  'all dass': 881.03659,
  'all ours': 722.68378,
  'structured random': 745.8331,
  'structured magnitude': 841.39868,
  'structured wanda-sp': 767.22972,
  'structured flap': 569.93097,
  'structured influence': 786.27309,
  'structured depth': 618.38129,
  'structured uniform-obc': 669.35628,
  'structured slicegpt': 752.88418,
  'structured paper, initialised': 749.84264,
  'structured paper, searched': 537.35945,
  'structured paper': 537.35945,
  'structured ours': 719.07727,
};
const RECORDED_REVISION = { judging: 2, sparsity: 2, structured: 2, paper: 1, ours: 1 };
/** Far above the rounding of another CPU, far below what another mask changes. */
const TOLERANCE = 1e-3;

test('a figure that changes comes with another revision of its methods', async () => {
  const compare = { patterns: ['2:4'], ratios: [0.6] };
  const { config } = await writeTinyRun(temporaryFolder(), { compare }, { layers: 5 });
  const signal = new AbortController().signal;
  const { rows } = await compareMethods({ configPath: config }, { signal, emit: () => undefined });
  const found = Object.fromEntries(
    rows.map(({ scope, method, perplexity }) => [
      `${scope} ${method}`,
      Number(perplexity!.toPrecision(8)),
    ]),
  );
  const advice =
    'If figures are meant to change, add one to the family in METHODS_REVISION ' +
    `(comparisonKey.ts), so that kept rows are made again, and record here: ${JSON.stringify(found)}`;
  assert.deepEqual(METHODS_REVISION, RECORDED_REVISION, advice);
  assert.deepEqual(Object.keys(found), Object.keys(recorded), advice);
  for (const [name, perplexity] of Object.entries(found)) {
    const was = recorded[name]!;
    assert.ok(
      Math.abs(perplexity / was - 1) < TOLERANCE,
      `${name}: ${was} → ${perplexity}. ${advice}`,
    );
  }
});
