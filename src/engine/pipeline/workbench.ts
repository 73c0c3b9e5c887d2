import type { EngineContext } from '../../protocol/engineApi.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { expectSameCompanions } from '../checkpoint/companions.ts';
import { DiskWeights } from '../checkpoint/diskWeights.ts';
import type { Source } from '../checkpoint/openCheckpoint.ts';
import { loadWeights } from '../checkpoint/loadWeights.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { ForwardPass } from '../graphs/forwardPass.ts';
import { LossHead } from '../graphs/lossHead.ts';
import type { Runner } from '../graphs/runner.ts';
import { chooseDevice, type DeviceChoice } from '../runtime/devices.ts';
import { Runtime } from '../runtime/runtime.ts';
import { Solver } from '../runtime/solver.ts';
import { SolverGemm } from '../runtime/solverGemm.ts';
import { loadTokenizer, type TextTokenizer } from '../tokenizer/loadTokenizer.ts';
import { freeMemory } from './freeMemory.ts';
import { placeWeights, type WeightPlace } from './weightPlace.ts';

/** A loaded model with everything that runs it. */
export interface Bench {
  readonly weights: WeightSource;
  /** Where those are. */
  readonly place: WeightPlace;
  readonly tokenizer: TextTokenizer;
  readonly device: DeviceChoice;
  readonly runtime: Runtime;
  readonly forward: Runner;
  readonly head: LossHead;
  /** Float64 work runs on the CPU, whatever the device. */
  readonly solver: Solver;
  /** The same, into memory of the caller. */
  readonly gemm: SolverGemm;
  /** Frees every session and the tokenizer. Never throws. */
  release(): Promise<void>;
}

/** A bench of a whole source model. */
export interface Workbench extends Bench {
  readonly checkpoint: Source;
}

/** Where a bench runs. */
export type DeviceWish = Pick<ResolvedConfig, 'device' | 'threads'>;

/** What of its context opening a bench needs. */
export type BenchContext = Pick<EngineContext, 'signal' | 'freeBytes'>;

/**
 * Chooses the device and loads a source model, as it was when it was opened. A model that is large
 * for the free memory is read block by block instead, whenever a block is needed.
 * @param checkpoint  an opened source model
 * @param onProgress  bytes loaded, of how many
 * @throws EngineError `device`, `checkpoint`, `tokenizer`, `cancelled`
 */
export async function openWorkbench(
  checkpoint: Source,
  wish: DeviceWish,
  { signal, freeBytes }: BenchContext,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Workbench> {
  // What is cheap to refuse is refused first.
  const { folder, companions, shape } = checkpoint;
  const tokenizer = await loadTokenizer(folder, shape.vocab);
  let device: DeviceChoice;
  let weights: WeightSource;
  let place: WeightPlace;
  try {
    device = await chooseDevice(wish.device, { threads: wish.threads, signal });
    await expectSameCompanions(folder, companions);
    place = placeWeights(shape, freeBytes ?? freeMemory());
    weights =
      place.kind === 'disk'
        ? new DiskWeights(checkpoint)
        : await loadWeights(checkpoint, { signal, onProgress });
  } catch (error) {
    tokenizer.release();
    throw error;
  }
  return { checkpoint, place, ...benchOf(tokenizer, device, weights) };
}

/** Makes what runs a model; the tokenizer is released with it. */
function benchOf(
  tokenizer: TextTokenizer,
  device: DeviceChoice,
  weights: WeightSource,
): Omit<Bench, 'place'> {
  const runtime = new Runtime(device.device, device.threads);
  const cpu = device.device === 'cpu' ? runtime : new Runtime('cpu', device.threads);
  const forward = new ForwardPass(runtime, weights.shape);
  return {
    ...{ weights, tokenizer, device, runtime, forward },
    head: new LossHead(forward),
    solver: new Solver(cpu),
    gemm: new SolverGemm(cpu),
    release: async () => {
      tokenizer.release();
      await runtime.release();
      await cpu.release();
    },
  };
}
