import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { type Checkpoint, openCheckpoint } from '../checkpoint/openCheckpoint.ts';
import { loadWeights } from '../checkpoint/loadWeights.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { ForwardPass } from '../graphs/forwardPass.ts';
import { LossHead } from '../graphs/lossHead.ts';
import { chooseDevice, type DeviceChoice } from '../runtime/devices.ts';
import { Runtime } from '../runtime/runtime.ts';
import { Solver } from '../runtime/solver.ts';
import { loadTokenizer, type TextTokenizer } from '../tokenizer/loadTokenizer.ts';

/** A loaded model with everything that runs it. */
export interface Workbench {
  readonly checkpoint: Checkpoint;
  readonly weights: ModelWeights;
  readonly tokenizer: TextTokenizer;
  readonly device: DeviceChoice;
  readonly runtime: Runtime;
  /** Float64 work and exported decoders run here, whatever the device. */
  readonly cpu: Runtime;
  readonly forward: ForwardPass;
  readonly head: LossHead;
  readonly solver: Solver;
  /** Frees every session. */
  release(): Promise<void>;
}

/**
 * Chooses the device and loads the model.
 * @param onProgress  bytes loaded, of how many
 * @throws EngineError `device`, `checkpoint`, `tokenizer`, `cancelled`
 */
export async function openWorkbench(
  config: Pick<ResolvedConfig, 'model' | 'device' | 'threads'>,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Workbench> {
  // What is cheap to refuse is refused first.
  const checkpoint = await openCheckpoint(config.model);
  const tokenizer = await loadTokenizer(checkpoint.folder, checkpoint.shape.vocab);
  const device = await chooseDevice(config.device, { threads: config.threads, signal });
  const weights = await loadWeights(checkpoint, { signal, onProgress });
  const runtime = new Runtime(device.device, device.threads);
  const cpu = device.device === 'cpu' ? runtime : new Runtime('cpu', device.threads);
  const forward = new ForwardPass(runtime, checkpoint.shape);
  return {
    checkpoint,
    weights,
    tokenizer,
    device,
    runtime,
    cpu,
    forward,
    head: new LossHead(forward),
    solver: new Solver(cpu),
    release: async () => {
      await runtime.release();
      await cpu.release();
    },
  };
}
