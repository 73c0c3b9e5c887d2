import assert from 'node:assert/strict';
import test from 'node:test';
import { isEngineError, type ErrorCode } from '../../../src/protocol/errors.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { initialSubnet, randomSubnet } from '../../../src/engine/search/baseline.ts';
import { evolve, type EvolveRequest } from '../../../src/engine/search/evolve.ts';
import { quickOptions, type EvolveOptions } from '../../../src/engine/search/options.ts';
import type { GenerationState } from '../../../src/engine/search/state.ts';
import { denseSubnet } from '../../../src/engine/subnet/count.ts';
import { subnetKey } from '../../../src/engine/subnet/key.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import type { LayerScores, Subnet } from '../../../src/engine/subnet/subnet.ts';
import { randomScores, tinyLlama } from '../subnet/shapes.ts';
import { problemFor } from './problems.ts';

const problem = problemFor(tinyLlama, 0.6, 'decoupled');
const { shape, budget, scores } = problem;
const initial = initialSubnet({ shape, masks: 'decoupled', budget }, scores);

/** What the units are truly worth, of which the scores know nothing: its best set is the optimum. */
const worth = randomScores(tinyLlama, 99);

function toyFitness(subnet: Subnet, truth: readonly LayerScores[] = worth): number {
  let lost = 0;
  subnet.layers.forEach(({ heads, mlp }, l) => {
    const layer = truth[l]!;
    heads.forEach(({ qk, vo }, h) => {
      lost -= sumOf(layer.qk[h]!, qk) + sumOf(layer.vo[h]!, vo);
    });
    lost -= sumOf(layer.mlp, mlp);
  });
  return lost;
}

function sumOf(values: Float64Array, indices: Uint32Array): number {
  return indices.reduce((sum, index) => sum + values[index]!, 0);
}

function requestWith(more: Partial<EvolveRequest> = {}): EvolveRequest {
  return {
    problem,
    initial,
    seed: 5,
    options: quickOptions,
    signal: undefined,
    fitness: (subnet) => Promise.resolve(toyFitness(subnet)),
    ...more,
  };
}

function optionsWith(more: Partial<EvolveOptions>): Partial<EvolveRequest> {
  return { options: { ...quickOptions, ...more } };
}

test('evolution beats random subnets at the same number of evaluations', async () => {
  for (const seed of [1, 2, 3]) {
    const { state } = await evolve(requestWith({ seed }));
    const { evaluations } = state.bestHistory.at(-1)!;
    const rng = rngFor(seed, 'control');
    let random = Infinity;
    for (let i = 0; i < evaluations; i++) {
      const subnet = randomSubnet({ shape, masks: 'decoupled', budget }, rng);
      random = Math.min(random, toyFitness(subnet));
    }
    const best = state.survivors[0]!.fitness!;
    assert.ok(best < random, `seed ${seed}: evolved ${best}, random ${random}`);
    assert.ok(best < toyFitness(initial));
  }
});

test('the best never gets worse and is the subnet returned', async () => {
  const { state, best, stopped } = await evolve(requestWith());
  const curve = state.bestHistory.map((point) => point.fitness!);
  curve.reduce((before, after) => (assert.ok(after <= before), after));
  assert.equal(curve.length, 9);
  assert.equal(stopped, 'generations');
  assert.equal(toyFitness(best), curve.at(-1));
  assert.equal(subnetKey(best), state.survivors[0]!.key);
  assertLegal(shape, best);
  assertOnBudget(shape, best, budget);
});

test('survivors are the fittest of everything judged, best first', async () => {
  const { state } = await evolve(requestWith());
  const all = state.known.map(([, fitness]) => fitness!).sort((a, b) => a - b);
  const kept = state.survivors.map(({ fitness }) => fitness);
  assert.deepEqual(kept, all.slice(0, quickOptions.survivors));
});

test('no subnet is evaluated twice, nor one that is already known', async () => {
  const met = new Set<string>();
  const journal = new Map<string, number>();
  const count = (subnet: Subnet): Promise<number> => {
    const key = subnetKey(subnet);
    assert.ok(!met.has(key), 'evaluated twice');
    met.add(key);
    return Promise.resolve(toyFitness(subnet));
  };
  const first = await evolve(
    requestWith({
      fitness: count,
      onEvaluated: ({ key, fitness }) => void journal.set(key, fitness!),
    }),
  );
  assert.equal(first.state.known.length, met.size);
  assert.deepEqual([...journal.keys()].sort(), [...met].sort());
  const again = await evolve(requestWith({ fitness: count, known: journal }));
  assert.deepEqual(again.state, first.state);
});

test('a fitness that is not finite ranks last and ends nothing', async () => {
  let calls = 0;
  const { state } = await evolve(
    requestWith({
      fitness: (subnet) =>
        Promise.resolve([NaN, Infinity, -Infinity][calls++ % 6] ?? toyFitness(subnet)),
    }),
  );
  assert.equal(calls, state.known.length);
  assert.ok(state.survivors.every(({ fitness }) => Number.isFinite(fitness)));
  assert.ok(state.known.some(([, fitness]) => fitness === null));
});

test('a search in which every fitness fails still ends', async () => {
  const { state } = await evolve(requestWith({ fitness: () => Promise.resolve(NaN) }));
  assert.equal(state.survivors[0]!.fitness, null);
  assert.equal(state.survivors[0]!.how, 'initial');
});

test('candidates say from which block on they differ from a parent', async () => {
  const subnets = new Map<string, Subnet>();
  await evolve(
    requestWith({
      fitness: (subnet, { parentKey, firstChangedLayer }) => {
        const parent = parentKey === null ? null : subnets.get(parentKey)!;
        if (parent === null) assert.equal(subnets.size, 0);
        const before = (of: Subnet): unknown => of.layers.slice(0, firstChangedLayer);
        if (parent !== null) {
          assert.deepEqual(before(subnet), before(parent));
          assert.notDeepEqual(subnet.layers[firstChangedLayer], parent.layers[firstChangedLayer]);
        }
        subnets.set(subnetKey(subnet), subnet);
        return Promise.resolve(toyFitness(subnet));
      },
    }),
  );
});

test('the search stops at its limits', async () => {
  const short = await evolve(requestWith(optionsWith({ maxEvaluations: 31 })));
  assert.equal(short.stopped, 'evaluations');
  assert.equal(short.state.known.length, 31);
  const flat = { ...optionsWith({ patience: 2 }), fitness: () => Promise.resolve(1) };
  const bored = await evolve(requestWith(flat));
  assert.deepEqual([bored.stopped, bored.state.generation], ['patience', 2]);
  const none = await evolve(requestWith(optionsWith({ generations: 0 })));
  assert.deepEqual([none.stopped, none.state.generation], ['generations', 0]);
});

test('a request to stop is answered before the next evaluation', async () => {
  const controller = new AbortController();
  let calls = 0;
  const fitness = (): Promise<number> => {
    if (++calls === 7) controller.abort();
    return Promise.resolve(calls);
  };
  await assert.rejects(evolve(requestWith({ fitness, signal: controller.signal })), (error) =>
    isEngineError(error, 'cancelled'),
  );
  assert.equal(calls, 7);
});

test('an impossible request is refused before anything is evaluated', async () => {
  const refuse = async (more: Partial<EvolveRequest>, code: ErrorCode): Promise<void> => {
    const fitness = (): Promise<number> => assert.fail('evaluated');
    await assert.rejects(
      evolve(requestWith({ fitness, ...more })),
      (error) => isEngineError(error, code),
      code,
    );
  };
  const bad = scores.map((layer) => ({ ...layer, mlp: layer.mlp.map(() => NaN) }));
  await refuse(optionsWith({ survivors: 0 }), 'config');
  await refuse(optionsWith({ keepShare: 1.5 }), 'config');
  await refuse(optionsWith({ rates: { depth: 0, ratio: NaN, mask: 0 } }), 'config');
  await refuse({ initial: denseSubnet(shape) }, 'budget');
  await refuse({ initial: { layers: [] } }, 'shape');
  await refuse({ problem: { ...problem, scores: bad } }, 'numeric');
  await refuse({ problem: { ...problem, scores: scores.slice(1) } }, 'shape');
  await refuse({ problem: { ...problem, blockOrder: [0, 1, 1, 2] } }, 'config');
});

test('a state of another search is refused', async () => {
  const { state } = await evolve(requestWith(optionsWith({ generations: 1 })));
  const refuse = async (other: GenerationState, code: ErrorCode): Promise<void> => {
    await assert.rejects(
      evolve(requestWith({ state: other })),
      (e) => isEngineError(e, code),
      code,
    );
  };
  const [first, ...rest] = state.survivors;
  await refuse({ ...state, seed: 6 }, 'run');
  await refuse({ ...state, survivors: [{ ...first!, key: '0123456789abcdef' }, ...rest] }, 'run');
  await refuse({ ...state, survivors: [] }, 'decode');
  await refuse({ ...state, survivors: [{ ...first!, fitness: NaN }] }, 'decode');
  await refuse({ ...state, known: [['a', NaN]] }, 'decode');
  const genome = { ...first!.genome, dropped: [0, 1, 2, 3] };
  await refuse({ ...state, survivors: [{ ...first!, genome }] }, 'decode');
  await refuse(null as unknown as GenerationState, 'decode');
});
