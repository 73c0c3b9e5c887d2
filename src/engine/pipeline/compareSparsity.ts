import { ChangedWeights, type WeightSource } from '../checkpoint/weightSource.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { SolverGemm } from '../runtime/solverGemm.ts';
import type { SparsityScope } from '../sparsity/linearMaps.ts';
import { type BlockStatistics, maskedModel } from '../sparsity/maskedModel.ts';
import { methodFor, type SparsityMethod } from '../sparsity/method.ts';
import { type Pattern, parsePattern } from '../sparsity/pattern.ts';
import { mixLevels, searchMix } from '../sparsity/patternMix.ts';
import { sparsify, type SparsifyRequest } from '../sparsity/sequential.ts';
import { denseSubnet } from '../model/subnet.ts';
import { type Comparison, type Contender, type PlannedRow, whole } from './comparison.ts';

/** Evaluations of a search over mixes: generations times children. */
const MIX = { generations: 10, children: 6 } as const;

/** The rows of a comparison in which weights become zero. */
export function sparsityRows(comparison: Comparison): PlannedRow[] {
  const { compare } = comparison.config;
  const gemm = new SolverGemm(comparison.work.cpu);
  const rows: PlannedRow[] = [];
  for (const scope of compare.scopes) {
    for (const text of compare.patterns) {
      for (const method of compare.sparsity) {
        const work = { scope, pattern: parsePattern(text), gemm };
        const make = async (): Promise<Contender> =>
          method === 'mix'
            ? mixed(comparison, work)
            : sparse(comparison, methodFor(comparison.bench.weights.shape, method), work);
        rows.push({ name: { method, pattern: text, scope }, make });
      }
    }
  }
  return rows;
}

interface Work {
  readonly scope: SparsityScope;
  readonly pattern: Pattern | readonly (Pattern | null)[];
  readonly gemm: SolverGemm;
}

async function sparse(
  comparison: Comparison,
  method: SparsityMethod,
  work: Work,
  onStatistics?: SparsifyRequest['onStatistics'],
): Promise<Contender> {
  const { bench, config } = comparison;
  const { tokens, signal } = comparison.work;
  const { weights } = await sparsify({
    forward: bench.forward,
    tools: { solver: bench.solver, gemm: work.gemm },
    weights: bench.weights,
    batches: batchesOf(tokens.calibration),
    seed: config.seed,
    judge: {
      ...{ head: bench.head, dense: bench.weights, batches: batchesOf(tokens.search) },
      loss: config.search.fitness,
    },
    ...{ method, pattern: work.pattern, scope: work.scope, signal },
    ...(onStatistics === undefined ? {} : { onStatistics }),
  });
  return whole(weights);
}

/**
 * Ours with a pattern for each block: a search judges masks of known statistics by their loss on the
 * search windows, and the best mix is then made sparse as ours is.
 */
async function mixed(
  comparison: Comparison,
  work: Work & { readonly pattern: Pattern },
): Promise<Contender> {
  const { bench, config } = comparison;
  const { signal, note } = comparison.work;
  const { layers } = bench.weights.shape;
  const known = Array.from({ length: layers }, (): Record<string, object> => ({}));
  const ours = methodFor(bench.weights.shape, 'ours');
  const { alpha, rule } = ours;
  if (rule === 'sparsegpt') return sparse(comparison, ours, work);
  await sparse(comparison, { ...ours, refit: null }, work, ({ layer, kind }, statistics) => {
    known[layer]![kind] = statistics;
  });
  const levels = mixLevels(work.pattern);
  const patternsOf = (mix: readonly number[]): (Pattern | null)[] =>
    mix.map((level) => levels.patterns[level]!);
  const from = {
    ...{ weights: bench.weights, statistics: known as BlockStatistics[], rule, alpha },
    scope: work.scope,
  };
  const best = await searchMix(
    layers,
    levels,
    async (mix) =>
      searchLoss(comparison, await maskedModel({ ...from, patterns: patternsOf(mix) })),
    { ...MIX, seed: config.seed, signal },
  );
  note(
    `Mix of ${best.levels.join(' ')} (0 is dense): loss ${best.uniform.toFixed(4)} before, ` +
      `${best.fitness.toFixed(4)} after ${best.evaluations} evaluations`,
  );
  return sparse(comparison, ours, { ...work, pattern: patternsOf(best.levels) });
}

/** Mean loss on the search windows, nats. */
async function searchLoss({ bench, work }: Comparison, weights: WeightSource): Promise<number> {
  const { forward, head } = bench;
  const { tokens, signal } = work;
  const windows = tokens.search;
  const embedded = await forward.embed(weights, batchesOf(windows));
  const states = await forward.through(weights, denseSubnet(weights.shape), embedded, { signal });
  const losses = await head.losses(
    weights,
    states,
    await head.nextTokenTargets(weights, windows),
    signal,
  );
  forward.release(states);
  if (weights instanceof ChangedWeights) await forward.forget(weights.changes);
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}
