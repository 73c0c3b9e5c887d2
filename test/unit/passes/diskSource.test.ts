import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { flapSubnet } from '../../../src/engine/baselines/flap.ts';
import { collectFluctuations } from '../../../src/engine/baselines/fluctuation.ts';
import { sliceGptModel } from '../../../src/engine/baselines/sliceGpt.ts';
import { magnitudeSubnet } from '../../../src/engine/baselines/structuredSubnet.ts';
import { uniformObcSubnet } from '../../../src/engine/baselines/uniformObc.ts';
import { wandaSpSubnet } from '../../../src/engine/baselines/wandaSp.ts';
import { collectStatistics } from '../../../src/engine/calibration/collect.ts';
import { DiskWeights } from '../../../src/engine/checkpoint/diskWeights.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openSource, type Source } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import type { WeightSource } from '../../../src/engine/checkpoint/weightSource.ts';
import { LocalEvaluator } from '../../../src/engine/evaluation/evaluator.ts';
import { perplexityOf } from '../../../src/engine/evaluation/perplexity.ts';
import { decoderRows } from '../../../src/engine/export/decoderRows.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { exportCompressed } from '../../../src/engine/export/exportCompressed.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { referenceOf } from '../../../src/engine/export/logitReference.ts';
import { readReformed, writeReformed } from '../../../src/engine/export/reformedWeights.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { blockBudget } from '../../../src/engine/model/cost.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { quantiseModel } from '../../../src/engine/quantise/quantiseModel.ts';
import { roundModel } from '../../../src/engine/quantise/roundModel.ts';
import { leastSquaresRefit } from '../../../src/engine/reformation/refit.ts';
import { reform } from '../../../src/engine/reformation/reform.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { SolverGemm } from '../../../src/engine/runtime/solverGemm.ts';
import { methodFor, SPARSITY_METHODS } from '../../../src/engine/sparsity/method.ts';
import { parsePattern } from '../../../src/engine/sparsity/pattern.ts';
import { sparsify } from '../../../src/engine/sparsity/sequential.ts';
import { CountedSource } from '../../fixtures/countedSource.ts';
import { calibration, pruned } from '../../fixtures/reformCase.ts';
import { judgedBy } from '../../fixtures/refitJudge.ts';
import { type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';
import { inMemory } from '../../fixtures/inMemory.ts';

const runtime = new Runtime('cpu', 2);
const tools = { solver: new Solver(runtime), gemm: new SolverGemm(runtime) };
const ORIGIN = { sourceFingerprint: 'f'.repeat(64), engineVersion: '0.0.0' };

/** What is done with a model gives the same to the last bit, whether it is in memory or on disk. */
for (const [name, options] of [
  ['Llama, tied and in shards', { dtype: 'BF16', shards: 4, tied: true }],
  ['GPT-NeoX, whose blocks are parallel', { family: 'gpt_neox', dtype: 'F16', tied: false }],
] as const satisfies readonly (readonly [string, TinyOptions])[]) {
  describe(`a ${name}, on disk`, () => {
    let folder: string;
    let source: Source;
    let memory: WeightSource;
    let forward: ForwardPass;
    let head: LossHead;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'disk-'));
      await writeTinyModel(join(folder, 'model'), { layers: 3, ...options });
      source = await openSource(join(folder, 'model'));
      memory = await loadWeights(source);
      forward = new ForwardPass(runtime, source.shape);
      head = new LossHead(forward);
    });
    after(() => rm(folder, { recursive: true }));

    /** Does the same with both, and checks that no block stays and at most `most` were held. */
    async function same<T>(
      work: (weights: WeightSource, folder: string) => Promise<T>,
      most = 1,
    ): Promise<T> {
      const disk = new CountedSource(new DiskWeights(source));
      const [expected, found] = [await work(memory, 'memory'), await work(disk, 'disk')];
      assert.deepEqual(found, expected);
      assert.equal(disk.held.size, 0);
      assert.ok(disk.most >= 1 && disk.most <= most, `${disk.most} blocks at a time`);
      return found;
    }

    it('is calibrated alike', async () => {
      await same(async (weights) => {
        const found: object[] = [];
        const batches = windows();
        await collectStatistics(forward, weights, batches, (one) => void found.push(one));
        return found;
      });
    });

    it('is reformed and made sparse alike, on top of each other', async () => {
      const changed = await same(async (weights) => {
        const subnet = pruned(weights, 0.6);
        const batches = windows();
        const refit = leastSquaresRefit(tools.solver, [1e-4, 1e-2, 1]);
        const common = { forward, subnet, batches, seed: 1 };
        const reformed = await reform({
          ...{ ...common, head, dense: weights, weights, target: 'dense', loss: 'kl', refit },
        });
        assert.ok(reformed.verdict.step > 0);
        const sparse = await sparsify({
          ...{ ...common, ...judgedBy(forward, weights), weights: reformed.weights, tools },
          ...{
            method: methodFor(weights.shape, 'ours'),
            pattern: parsePattern('2:4'),
            scope: 'mlp',
          },
        });
        const [one, two] = [await inMemory(reformed.weights), await inMemory(sparse.weights)];
        const verdicts = [reformed.verdict, sparse.verdict];
        return { reformed: one.layers, sparse: two.layers, verdicts, records: sparse.layers };
      });
      assert.notDeepEqual(changed.sparse, changed.reformed);
    });

    it('has the same perplexity and losses', async () => {
      await same(async (weights) => {
        const subnet = pruned(weights, 0.7);
        const text = windows().flat();
        const evaluator = await LocalEvaluator.create({
          ...{ forward, head, weights, windows: text.slice(0, 6), kind: 'kl', cacheBytes: 1e6 },
        });
        const losses = [await evaluator.loss(subnet), await evaluator.loss(subnet)];
        return { losses, perplexity: await perplexityOf(forward, head, { weights, subnet }, text) };
      });
    });

    it('is rounded to integers alike', async () => {
      await same(async (weights) => {
        const subnet = pruned(weights, 0.7);
        const format = { bits: 4, blockSize: 16 } as const;
        const batches = windows().slice(0, 2);
        const swept = await quantiseModel({
          ...{ forward, gemm: tools.gemm, weights, subnet, batches, format, layoutOf: decoderRows },
        });
        const nearest = await roundModel(weights, subnet, format, decoderRows);
        const models = [await inMemory(swept.weights), await inMemory(nearest.weights)];
        return { codes: [swept.layers, nearest.layers], layers: models.map((one) => one.layers) };
      });
    });

    it('has the same structured baselines', async () => {
      await same(async (weights) => {
        const batches = windows().slice(0, 2);
        const budget = blockBudget(weights.shape, 0.7);
        const fluctuations = await collectFluctuations(forward, weights, batches);
        const flap = await flapSubnet(weights, fluctuations, budget);
        const { solver } = tools;
        const request = { forward, solver, weights, batches, budget };
        const obc = await uniformObcSubnet({ ...request, damping: 0.01 });
        const { projections } =
          weights.shape.family === 'llama' ? await sliceGptModel(request) : { projections: [] };
        const made = [
          await magnitudeSubnet(weights, budget),
          await wandaSpSubnet({ forward, weights, batches, budget }),
          flap,
          obc,
        ];
        const { layers } = await inMemory(flap.weights);
        const updated = (await inMemory(obc.weights)).layers;
        return { layers, updated, projections, subnets: made.map(({ subnet }) => subnet) };
      });
    });

    it('is exported alike, byte by byte, and gives the same logits', async () => {
      await same(async (weights, to) => {
        const subnet = pruned(weights, 0.7);
        const dir = join(folder, to);
        const settings = { dtype: 'BF16', origin: ORIGIN } as const;
        await exportOnnx(join(dir, 'onnx'), weights, subnet, settings);
        await exportCheckpoint(join(dir, 'checkpoint'), weights, subnet, source, settings);
        const { weights: sparse } = await sparsify({
          ...{ forward, tools, weights, batches: [], subnet: denseSubnet(weights.shape) },
          ...{ method: SPARSITY_METHODS.magnitude, pattern: parsePattern('2:4'), scope: 'all' },
          ...judgedBy(forward, weights),
        });
        await exportCompressed(join(dir, 'compressed'), sparse, subnet, source, settings);
        const file = join(dir, 'changed.safetensors');
        const { sha256 } = await writeReformed(file, sparse, subnet, ['o', 'up']);
        const from = { file: 'changed.safetensors', sha256, maps: ['o', 'up'] } as const;
        const back = await inMemory(await readReformed(dir, from, weights, subnet));
        const texts = windows().flat().slice(0, 2);
        const { logits } = await referenceOf(
          { forward, head },
          { weights, subnet },
          texts,
          settings,
        );
        const files = [
          ...['onnx/model.onnx', 'onnx/model.onnx.data', 'checkpoint/model.safetensors'],
          ...['compressed/model.safetensors', 'compressed/config.json', 'changed.safetensors'],
        ];
        const bytes = await Promise.all(files.map((name) => readFile(join(dir, name))));
        return { bytes, logits, back: back.layers };
      });
    });

    /** Ten batches of random tokens. */
    function windows(): Uint32Array[][] {
      return calibration(memory);
    }
  });
}

after(() => runtime.release());
