import type { Problem } from '../../protocol/errors.ts';
import type { CutPlaces } from './cutPlaces.ts';
import type { TextWindow } from './textWindows.ts';

/** What the engine sends to the tokenizer process: windows to encode, once the last answer is there. */
export interface EncodeMessage {
  readonly windows: readonly TextWindow[];
}

/** What the tokenizer process sends: `opened` or `refused` first, then one answer to each message. */
export type TokenizerMessage =
  | { readonly kind: 'opened'; readonly cuts: CutPlaces; readonly hash: string }
  | { readonly kind: 'encoded'; readonly ids: Uint32Array }
  | { readonly kind: 'refused'; readonly problem: Problem }
  /** A fault of the product itself. */
  | { readonly kind: 'failed'; readonly message: string }
  /** The limits of one message were reached; the process ends itself. */
  | { readonly kind: 'stopped'; readonly reason: string };
