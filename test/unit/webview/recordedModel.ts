import type { RunSnapshot } from '../../../src/dashboard/model/runSnapshot.ts';
import { emptyRun, reduceRun } from '../../../src/dashboard/model/runModel.ts';
import { eventStamper, type RunEvent, type RunEventBody } from '../../../src/protocol/runEvent.ts';
import type { Timing } from '../../../src/protocol/timing.ts';
import type { Figure } from '../../../src/protocol/runRecord.ts';

/** A key that is a number. */
export function key(number: number): string {
  return number.toString(16).padStart(16, '0');
}

/** Events in the order given, from number 0, a second apart. */
export function stamped(bodies: readonly RunEventBody[]): RunEvent[] {
  let now = 1_000;
  return bodies.map(
    eventStamper(() => {
      now += 1_000;
      return now;
    }),
  );
}

/** A judged candidate. */
export function evaluated(
  number: number,
  generation: number,
  fitness: number,
  parents: readonly number[] = [],
): RunEventBody {
  const how = parents.length === 0 ? 'initial' : parents.length === 1 ? 'mutation' : 'crossover';
  return {
    ...{ kind: 'evaluated', key: key(number), generation, child: number % 10, fitness, how },
    ...{ parents: parents.map(key), params: 1000 - number },
  };
}

/** A finished generation whose figures are told by its best. */
export function generationFinished(generation: number, best: number): RunEventBody {
  return {
    ...{ kind: 'generationFinished', generation, best, median: best + 2 },
    ...{ quartiles: [best + 1, best + 3], survivors: [], ms: 10 },
  };
}

/** Figures of a model. */
export function figure(perplexity: number, params: number): Figure {
  return {
    ...{ params, blockParams: params / 2, perplexity, bytes: 2 * params },
    ...{ prefillMs: params / 10, decodeMs: params / 100, peakBytes: null },
  };
}

/** Times of a model that takes `share` of the dense model's, give or take 3%. */
export function timing(share: number): Timing {
  const ratio = { median: share, low: 0.97 * share, high: 1.03 * share };
  const quartiles = { lower: 98 * share, upper: 103 * share };
  return {
    ...{ takenMs: 0, device: 'cpu', threads: 2, rounds: 15, promptTokens: 64, decodedTokens: 16 },
    ...{ prefill: quartiles, decode: quartiles, ratio: { prefill: ratio, decode: ratio } },
  };
}

/** A run that has told these. */
export function snapshotOf(bodies: readonly RunEventBody[], id = 'r1'): RunSnapshot {
  return {
    head: {
      ...{ id, name: id, createdMs: 0, configName: 'a.subnet.jsonc', ratio: 0.5, model: null },
      ...{ config: {}, seeds: {}, hashes: {}, versions: {} },
    },
    model: reduceRun(emptyRun, stamped(bodies)),
    masks: {},
    hasScores: false,
    hasSparsity: false,
  };
}
