import { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';

/**
 * Length of a window: as asked for, or all positions of a model that has fewer.
 * @param wanted  tokens, at least 2
 * @throws EngineError `checkpoint` for a model with a single position, which can predict nothing
 */
export function windowLength(wanted: number, { maxPositions }: ModelShape): number {
  if (maxPositions >= 2) return Math.min(wanted, maxPositions);
  throw new EngineError('checkpoint', {
    what: 'config.json: "max_position_embeddings"',
    expected: 'at least 2 positions, one token to read and one to predict',
    found: String(maxPositions),
    action: 'Correct the number, or choose another model.',
    sentence: `config.json gives the model ${maxPositions} positions ("max_position_embeddings"); it needs at least 2, one token to read and one to predict.`,
  });
}
