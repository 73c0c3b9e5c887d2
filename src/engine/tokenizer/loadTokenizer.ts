import { throwIfAborted } from '../../protocol/errors.ts';
import { PIECE_UNITS, type TextChunks, textWindows, type TextWindow } from './textWindows.ts';
import { tokenizerError } from './tokenizerFile.ts';
import { TOKENIZER_FILE } from './tokenizerFiles.ts';
import { TokenizerProcess } from './tokenizerProcess.ts';

/** How a text is encoded. */
export interface EncodeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Most tokens wanted; no more of the text is read than these need. Absent: all of them. */
  readonly most?: number | undefined;
}

/** A model's tokenizer: text to token ids. */
export interface TextTokenizer {
  /**
   * Token ids of a text, without special tokens at its ends. A text given in chunks, or not to its
   * end, has the ids of the whole text.
   *
   * @throws EngineError `tokenizer` for an id that the model's vocabulary does not have, or when the
   *   tokenizer does not work on this text; `text` when it cannot be cut into pieces; `cancelled`
   */
  encode(text: TextChunks, options?: EncodeOptions): Promise<Uint32Array>;
  /** Frees its memory. It may be used again, which takes the time to load it. */
  release(): void;
}

/** Windows sent at once: few for the first tokens, then enough for all processor cores. */
const [FIRST_WINDOWS, MOST_WINDOWS] = [1, 16];
/** Time without work after which the tokenizer's memory is freed, ms. */
const IDLE_MS = 30_000;

/**
 * Loads the tokenizer of a model folder.
 *
 * @param folder  the model folder
 * @param vocab   V, the number of rows of the model's embedding
 * @throws EngineError `tokenizer` when it is missing, damaged, of a kind that is not supported, or
 *   made for another vocabulary
 */
export async function loadTokenizer(folder: string, vocab: number): Promise<TextTokenizer> {
  let running: TokenizerProcess | undefined = await TokenizerProcess.start(folder, vocab);
  const { hash } = running;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function release(): void {
    clearTimeout(idle);
    running?.end();
    running = undefined;
  }
  function releaseLater(): void {
    clearTimeout(idle);
    idle = setTimeout(release, IDLE_MS);
    idle.unref();
  }
  async function started(signal: AbortSignal | undefined): Promise<TokenizerProcess> {
    clearTimeout(idle);
    if (running?.isAlive === true) return running;
    running = await TokenizerProcess.start(folder, vocab, signal);
    if (running.hash === hash) return running;
    release();
    throw tokenizerError({
      ...{
        what: TOKENIZER_FILE,
        expected: 'the file this work began with',
        found: 'a changed file',
      },
      sentence: `${TOKENIZER_FILE} was changed while it was in use.`,
    });
  }
  async function encode(text: TextChunks, options: EncodeOptions): Promise<Uint32Array> {
    throwIfAborted(options.signal);
    const tokenizer = await started(options.signal);
    try {
      return await encodeWith(tokenizer, text, options);
    } finally {
      releaseLater();
    }
  }

  releaseLater();
  return {
    release,
    encode: (text, options = {}) => {
      // One text after the other: the process answers one question at a time.
      const encoding = last.then(() => encode(text, options));
      last = encoding.catch(() => undefined);
      return encoding;
    },
  };
}

async function encodeWith(
  tokenizer: TokenizerProcess,
  text: TextChunks,
  { signal, most = Infinity }: EncodeOptions,
): Promise<Uint32Array> {
  const parts: Uint32Array[] = [];
  let count = 0;
  let batch: TextWindow[] = [];
  let size = FIRST_WINDOWS;
  async function flush(): Promise<void> {
    throwIfAborted(signal);
    const ids = await tokenizer.encode(batch, signal);
    parts.push(ids);
    count += ids.length;
    batch = [];
    size = Math.min(MOST_WINDOWS, size * 2);
  }
  for await (const window of textWindows(text, tokenizer.cuts, PIECE_UNITS)) {
    if (count >= most) break;
    batch.push(window);
    if (batch.length >= size) await flush();
  }
  if (batch.length > 0 && count < most) await flush();
  return joined(parts, Math.min(count, most));
}

function joined(parts: readonly Uint32Array[], length: number): Uint32Array {
  const ids = new Uint32Array(length);
  let at = 0;
  for (const part of parts) {
    const fitting = part.subarray(0, length - at);
    ids.set(fitting, at);
    at += fitting.length;
  }
  return ids;
}
