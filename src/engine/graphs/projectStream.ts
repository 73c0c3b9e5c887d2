import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import { float32Of, type Tensor, tensorOf } from '../runtime/runtime.ts';
import type { ForwardPass } from './forwardPass.ts';
import { projectInGraph } from './streamGraphs.ts';

/**
 * Multiplies every token of the residual stream by a matrix.
 * @param states  per batch, [B, T, H]; not changed
 * @param matrix  row-major [H, H]
 * @returns  per batch, [B, T, H]; on the host
 * @throws EngineError `cancelled`, `device`
 */
export async function projectStream(
  forward: Pick<ForwardPass, 'feeds' | 'sessions' | 'host' | 'shape'>,
  states: readonly Tensor[],
  matrix: Float32Array,
  signal?: AbortSignal,
): Promise<Tensor[]> {
  const { feeds, sessions, shape } = forward;
  const { hidden } = shape;
  const session = await sessions.of('project stream', () => projectInGraph(hidden, hidden));
  const weight = await feeds.matrix(matrix, hidden);
  const out: Tensor[] = [];
  for (const state of states) {
    throwIfAborted(signal);
    const data = await forward.host(state);
    const x = tensorOf(data, [data.length / hidden, hidden]);
    out.push(tensorOf(float32Of(await session.run1({ x, weight })), state.dims));
    // Native calls block the event loop; this lets a cancel message in.
    await setImmediate();
  }
  return out;
}
