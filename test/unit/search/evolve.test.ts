import assert from 'node:assert/strict';
import test from 'node:test';
import { isEngineError, type ErrorCode } from '../../../src/protocol/errors.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { initialSubnet, randomSubnet } from '../../../src/engine/search/baseline.ts';
import { evolve, type EvolveRequest } from '../../../src/engine/search/evolve.ts';
import { quickOptions, type EvolveOptions } from '../../../src/engine/search/options.ts';
import type { GenerationState } from '../../../src/engine/search/state.ts';
import { subnetKey } from '../../../src/engine/subnet/key.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { denseSubnet, type LayerScores, type Subnet } from '../../../src/engine/model/subnet.ts';
import { tinyLlama } from '../subnet/shapes.ts';
import { blockOf } from '../../../src/engine/model/block.ts';
import { unitCosts } from '../../../src/engine/model/cost.ts';
import { problemFor } from './problems.ts';

const open = { least: 0.1, most: 1, step: 0.05 };
const problem = problemFor(tinyLlama, 0.6, 'decoupled', { attention: open, mlp: open });
const { shape, budget, scores } = problem;
const initial = initialSubnet({ shape, masks: 'decoupled', budget }, scores);

/** What the units are truly worth; the scores see it through noise. */
const worth = noisyTwin(scores);

function noisyTwin(layers: readonly LayerScores[]): LayerScores[] {
  const rng = rngFor(99, 'worth');
  return layers.map((layer) => {
    const [attention, mlp] = [Math.exp(rng.normal()), Math.exp(rng.normal())];
    const twin = (values: Float64Array, scale: number): Float64Array =>
      values.map((value) => scale * value * Math.exp(0.5 * rng.normal()));
    return {
      qk: layer.qk.map((values) => twin(values, attention)),
      vo: layer.vo.map((values) => twin(values, attention)),
      mlp: twin(layer.mlp, mlp),
    };
  });
}

/** Worth of the removed units: lower is better. */
function toyFitness(subnet: Subnet): number {
  let lost = 0;
  subnet.layers.forEach(({ heads, mlp }, l) => {
    const layer = worth[l]!;
    heads.forEach(({ qk, vo }, h) => {
      lost += lostFrom(layer.qk[h]!, qk) + lostFrom(layer.vo[h]!, vo);
    });
    lost += lostFrom(layer.mlp, mlp);
  });
  return lost;
}

function lostFrom(values: Float64Array, kept: Uint32Array): number {
  const all = values.reduce((sum, value) => sum + value, 0);
  return all - kept.reduce((sum, index) => sum + values[index]!, 0);
}

/** The loss no subnet can fall below: units taken by worth per parameter until the budget ends. */
function optimum(): number {
  const { pair: qk, vo, mlp } = unitCosts(blockOf(shape, 0));
  const units = worth.flatMap((layer) => [
    ...layer.qk.flatMap((values) => Array.from(values, (value) => ({ value, cost: qk }))),
    ...layer.vo.flatMap((values) => Array.from(values, (value) => ({ value, cost: vo }))),
    ...Array.from(layer.mlp, (value) => ({ value, cost: mlp })),
  ]);
  let left = budget;
  let lost = 0;
  for (const { value, cost } of units.sort((a, b) => b.value / b.cost - a.value / a.cost)) {
    const share = Math.min(1, left / cost);
    left -= share * cost;
    lost += (1 - share) * value;
  }
  return lost;
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

test('evolution goes most of the way to a known optimum that random draws miss', async () => {
  const start = toyFitness(initial);
  const gap = start - optimum();
  const options = { ...quickOptions, generations: 24 };
  for (const seed of [1, 2, 3]) {
    const { state } = await evolve(requestWith({ seed, options }));
    const { evaluations, fitness: evolved } = state.bestHistory.at(-1)!;
    const rng = rngFor(seed, 'control');
    const random = Array.from({ length: evaluations }, () =>
      toyFitness(randomSubnet({ shape, masks: 'decoupled', budget }, rng)),
    );
    // As many mutants of the initial subnet, without selection in between.
    const unselected = { ...options, generations: 0, population: evaluations - 1 };
    const blind = (await evolve(requestWith({ seed, options: unselected }))).state;
    const reached = [evolved!, blind.survivors[0]!.fitness!, Math.min(...random)].map(
      (fitness) => (start - fitness) / gap,
    );
    const [byEvolution, byMutants, byRandom] = reached as [number, number, number];
    assert.ok(byEvolution > 0.7, `seed ${seed}: ${reached.join(' ')}`);
    assert.ok(1 - byEvolution < 0.75 * (1 - byMutants), `seed ${seed}: ${reached.join(' ')}`);
    assert.ok(byRandom < 0, `seed ${seed}: ${reached.join(' ')}`);
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
