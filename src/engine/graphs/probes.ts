import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { float32Of, type Tensor } from '../runtime/runtime.ts';
import type { ForwardPass } from './forwardPass.ts';
import type { HeadProbe, MlpInput, MlpProbe } from './runner.ts';

/** What probes are run with. */
type Tools = Pick<ForwardPass, 'runtime' | 'sessions' | 'feeds' | 'scratch'>;

/** `Runner.probeMlp`. @throws EngineError `cancelled`, `device` */
export async function probeMlp(
  tools: Tools,
  { key, build, take }: MlpProbe,
  at: MlpInput,
  signal?: AbortSignal,
): Promise<void> {
  const access = tools.runtime.onDevice ? 'gathered' : 'direct';
  const session = await tools.sessions.of(key, () => build(access));
  const scratch = tools.scratch.borrow();
  try {
    const feeds = Object.entries(await tools.feeds.mlp(at.layer, at.mask, scratch));
    const used = feeds.filter(([name]) => session.inputNames.includes(name));
    for (const [batch, x] of at.reads.entries()) {
      throwIfAborted(signal);
      await take(onHost(await session.run({ x, ...Object.fromEntries(used) })), batch);
      await setImmediate();
    }
  } finally {
    scratch.giveBack();
  }
}

/** `Runner.probeHead`. @throws EngineError `cancelled`, `device` */
export async function probeHead(
  tools: Tools,
  { key, build, calls, take }: HeadProbe,
  weights: WeightSource,
  signal?: AbortSignal,
): Promise<void> {
  const session = await tools.sessions.of(key, build);
  const fixed = await tools.feeds.head(await weights.once());
  let call = 0;
  for (const inputs of calls) {
    throwIfAborted(signal);
    take(onHost(await session.run({ ...inputs, ...fixed })), call++);
    await setImmediate();
  }
}

/** Outputs of a graph that leaves them on the host. */
function onHost(outputs: Readonly<Record<string, Tensor>>): Record<string, Float32Array> {
  const values = Object.entries(outputs).map(([name, tensor]) => [name, float32Of(tensor)]);
  return Object.fromEntries(values) as Record<string, Float32Array>;
}
