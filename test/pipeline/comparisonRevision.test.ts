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
  'all dense': 621.55894,
  'mlp magnitude': 633.16299,
  'mlp wanda': 650.99516,
  'mlp sparsegpt': 637.72531,
  'mlp dass': 596.4883,
  'mlp ours': 652.37596,
  'all magnitude': 544.79531,
  'all wanda': 863.57613,
  'all sparsegpt': 753.01651,
  'all dass': 881.03656,
  'all ours': 670.90776,
  'structured random': 745.83312,
  'structured magnitude': 841.39863,
  'structured wandaSp': 767.2297,
  'structured flap': 569.93096,
  'structured influence': 786.27308,
  'structured depth': 618.38128,
  'structured A initialised': 922.47502,
  'structured A searched': 598.33038,
  'structured A reformed': 688.87703,
};
const RECORDED_REVISION = { judging: 2, sparsity: 1, structured: 1, methodA: 1 };
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
