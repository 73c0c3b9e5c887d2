import { blocksOf } from '../model/block.ts';
import { blockParameters, countParameters } from '../model/cost.ts';
import { denseSubnet, isUneven, wholeMask } from '../model/subnet.ts';
import type { Checkpoint } from './openCheckpoint.ts';
import { shown } from './shown.ts';
import { tensorName } from './tensorTable.ts';

/** Names of unread tensors that a note repeats. */
const MOST_NAMES = 8;

/** What a checkpoint has that its user should know: of what was read, and of what was not. */
export type NotedCheckpoint = Pick<Checkpoint, 'family' | 'shape' | 'head' | 'unused'>;

/**
 * What is odd about a checkpoint that can be read all the same: whole sentences, none for most.
 * @param checkpoint  an opened checkpoint
 */
export function checkpointNotes(checkpoint: NotedCheckpoint): string[] {
  const { family, head, unused } = checkpoint;
  const notes: string[] = [];
  if (head === 'separate') {
    const name = shown(tensorName(family, 'head', null));
    notes.push(
      `config.json says that the output head is the embedding table, but the weights hold another one, ${name}: the one in the weights is used. Set "tie_word_embeddings" to false in config.json.`,
    );
  }
  if (isUneven(checkpoint.shape)) notes.push(unevenNote(checkpoint));
  // Older programs saved these, which follow from the configuration.
  const known = ['rotary_emb.inv_freq', ...(family.buffers ?? [])];
  const surprising = unused.filter((name) => !known.some((end) => name.endsWith(end)));
  if (surprising.length > 0) notes.push(unreadNote(checkpoint, surprising));
  return notes;
}

function unevenNote({ shape }: NotedCheckpoint): string {
  const whole = blocksOf(shape).reduce((sum, one) => sum + blockParameters(one, wholeMask(one)), 0);
  const { denseBlock } = countParameters(shape, denseSubnet(shape));
  return `Blocks differ in size: ${denseBlock} of the ${whole} parameters that blocks of the largest sizes have are there. Ratios and shares are of these.`;
}

function unreadNote({ family, shape }: NotedCheckpoint, names: readonly string[]): string {
  const listed = names.slice(0, MOST_NAMES).map(shown);
  const rest = names.length - listed.length;
  const all = `${listed.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  const what = names.length === 1 ? '1 tensor is' : `${names.length} tensors are`;
  return `${what} not read, since a ${family.name} model of ${shape.layers} blocks with this config.json has no use for ${names.length === 1 ? 'it' : 'them'}: ${all}.`;
}
