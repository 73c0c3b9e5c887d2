import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { expectSameCompanions } from '../checkpoint/companions.ts';
import type { Source } from '../checkpoint/openCheckpoint.ts';
import { loadWeights } from '../checkpoint/loadWeights.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { ForwardPass } from '../graphs/forwardPass.ts';
import { LossHead } from '../graphs/lossHead.ts';
import { chooseDevice, type DeviceChoice } from '../runtime/devices.ts';
import { Runtime } from '../runtime/runtime.ts';
import { Solver } from '../runtime/solver.ts';
import { SolverGemm } from '../runtime/solverGemm.ts';
import { loadTokenizer, type TextTokenizer } from '../tokenizer/loadTokenizer.ts';

/** A loaded model with everything that runs it. */
export interface Bench {
  readonly weights: WeightSource;
  readonly tokenizer: TextTokenizer;
  readonly device: DeviceChoice;
  readonly runtime: Runtime;
  readonly forward: ForwardPass;
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

/**
 * Chooses the device and loads a source model, as it was when it was opened.
 * @param checkpoint  an opened source model
 * @param onProgress  bytes loaded, of how many
 * @throws EngineError `device`, `checkpoint`, `tokenizer`, `cancelled`
 */
export async function openWorkbench(
  checkpoint: Source,
  wish: DeviceWish,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Workbench> {
  // What is cheap to refuse is refused first.
  const { folder, companions, shape } = checkpoint;
  const tokenizer = await loadTokenizer(folder, shape.vocab);
  const load = async (): Promise<WeightSource> => {
    await expectSameCompanions(folder, companions);
    return loadWeights(checkpoint, { signal, onProgress });
  };
  return { checkpoint, ...(await openBench(tokenizer, load, wish, signal)) };
}

/**
 * Chooses the device, then loads weights for it.
 * @param tokenizer  the bench's from now on: released with it, also when it cannot be opened
 * @throws EngineError `device`, `cancelled`, whatever loading throws
 */
export async function openBench(
  tokenizer: TextTokenizer,
  load: () => Promise<WeightSource>,
  wish: DeviceWish,
  signal: AbortSignal,
): Promise<Bench> {
  let device: DeviceChoice;
  let weights: WeightSource;
  try {
    device = await chooseDevice(wish.device, { threads: wish.threads, signal });
    weights = await load();
  } catch (error) {
    tokenizer.release();
    throw error;
  }
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
