import { setImmediate } from 'node:timers/promises';
import type { OnceWeights } from '../checkpoint/weightSource.ts';
import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';
import { float32Of, type Tensor, tensorOf } from '../runtime/runtime.ts';
import type { Sessions } from './sessions.ts';
import { projectInGraph } from './streamGraphs.ts';
import type { SublayerFeeds } from './sublayerFeeds.ts';

/** What of a forward pass embedding needs. */
interface EmbeddingTools {
  readonly shape: ModelShape;
  readonly feeds: SublayerFeeds;
  readonly sessions: Sessions;
}

/**
 * The residual stream before the first block.
 * @param windows  token ids, all of one length T, at most the model's positions
 * @returns  [B, T, H], on the host
 */
export async function embedWindows(
  tools: EmbeddingTools,
  weights: OnceWeights,
  windows: readonly Uint32Array[],
): Promise<Tensor> {
  const { hidden, positions } = tools.shape;
  const time = windows[0]?.length ?? 0;
  const stream = await tokenRows(tools, weights, windows, time);
  if (positions.kind === 'learned' && weights.positionTable !== null) {
    const first = positions.offset * hidden;
    for (let i = 0; i < stream.length; i++) {
      const place = weights.positionTable[first + (i % (time * hidden))] as number;
      stream[i] = (stream[i] as number) + place;
    }
  }
  return tensorOf(stream, [windows.length, time, hidden]);
}

/** What the stream has of the embedding table, without positions, [B·T, H]; fresh memory. */
async function tokenRows(
  { shape, feeds, sessions }: EmbeddingTools,
  { embedding, projectIn }: OnceWeights,
  windows: readonly Uint32Array[],
  time: number,
): Promise<Float32Array> {
  const { hidden, embeddingScale = 1 } = shape;
  const width = embeddingWidthOf(shape);
  const rows = new Float32Array(windows.length * time * width);
  windows.forEach((window, b) => {
    window.forEach((id, t) => {
      rows.set(embedding.subarray(id * width, (id + 1) * width), (b * time + t) * width);
    });
  });
  if (embeddingScale !== 1) {
    for (let i = 0; i < rows.length; i++) rows[i] = (rows[i] as number) * embeddingScale;
  }
  if (projectIn === null) return rows;
  const session = await sessions.of('project in', () => projectInGraph(width, hidden));
  const weight = await feeds.matrix(projectIn, width);
  const x = tensorOf(rows, [windows.length * time, width]);
  const stream = float32Of(await session.run1({ x, weight }));
  // Native calls block the event loop; this lets a cancel message in.
  await setImmediate();
  return stream;
}
