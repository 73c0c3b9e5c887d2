import { tableParameters } from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';

/**
 * Memory that a loaded decoder takes while it runs a prompt, at most.
 *
 * The runtime keeps weights as float32, whatever the file holds, in an order of its own; of a table
 * that is also the output head it keeps both orders. Logits of the prompt are there four times: as the
 * product and as the output of the graph, and here those of the last run until they are collected.
 * @param parameters  of the decoder's subnet
 * @param promptTokens  tokens that go in at once
 * @returns bytes
 */
export function decoderBytes(shape: ModelShape, parameters: number, promptTokens: number): number {
  const again = shape.tiedEmbeddings ? tableParameters(shape) : 0;
  return 4 * (parameters + again + 4 * promptTokens * shape.vocab);
}
