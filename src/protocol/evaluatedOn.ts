import * as Type from 'typebox';
import type { Static } from 'typebox';

const size = Type.Integer({ minimum: 0 });
const sha256 = Type.String({ maxLength: 64 });

/** Schema of {@link EvaluatedOn}. */
export const evaluatedOnSchema = Type.Object({
  /** SHA-256, hex, of the text file. */
  text: sha256,
  /** Share of the text that was evaluated, counted from its end; 1 is all of it. */
  share: Type.Number({ minimum: 0, maximum: 1 }),
  /** Length of a window, tokens. */
  context: size,
  windows: size,
  /** Predicted tokens of all windows. */
  tokens: size,
  /** SHA-256, hex, of the tokenizer. */
  tokenizer: sha256,
  /** SHA-256, hex, of the source model's configuration and weights. */
  model: sha256,
});
/** What a perplexity was evaluated on: all that decides which others it compares with. */
export type EvaluatedOn = Readonly<Static<typeof evaluatedOnSchema>>;
