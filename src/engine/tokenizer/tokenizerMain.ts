import { isEngineError } from '../../protocol/errors.ts';
import type { OpenTokenizer } from './openTokenizer.ts';
import type { TextWindow } from './textWindows.ts';
import type { EncodeMessage, TokenizerMessage } from './tokenizerMessages.ts';

/**
 * The tokenizer process: opens the tokenizer of the folder in its first argument for the vocabulary
 * in its second, then encodes what it is sent. It ends itself when a text takes more time or memory
 * than any honest tokenizer needs, because nothing can interrupt the library.
 */

/** Processor time for any message, ms, and more for each character; the slowest kinds take 3 µs. */
const [LEAST_MS, PER_CHARACTER_MS] = [1500, 0.015];
/** Memory for any message, bytes; the longest piece takes about a quarter. */
const MOST_BYTES = 4_000_000_000;
/** Time between two looks at both, ms. */
const LOOK_MS = 50;

async function main(): Promise<void> {
  // An interrupt in a terminal reaches the whole group; the engine decides what becomes of this one.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', end);
  const [folder = '', vocab = '0'] = process.argv.slice(2);
  let tokenizer: OpenTokenizer;
  try {
    // Imported here, so that a native library that does not load is reported like any other failure.
    const { openTokenizer } = await import('./openTokenizer.ts');
    tokenizer = openTokenizer(folder, Number(vocab));
  } catch (error) {
    send(failureOf(error));
    return;
  }
  process.on('message', (message) => {
    void encode(tokenizer, (message as EncodeMessage).windows).then(send);
  });
  send({ kind: 'opened', cuts: tokenizer.cuts, hash: tokenizer.hash });
}

async function encode(
  tokenizer: OpenTokenizer,
  windows: readonly TextWindow[],
): Promise<TokenizerMessage> {
  const watch = watchLimits(windows.reduce((sum, { text }) => sum + text.length, 0));
  try {
    return { kind: 'encoded', ids: await tokenizer.encode(windows) };
  } catch (error) {
    return failureOf(error);
  } finally {
    clearInterval(watch);
  }
}

function watchLimits(characters: number): NodeJS.Timeout {
  const mostMs = LEAST_MS + characters * PER_CHARACTER_MS;
  const start = process.cpuUsage();
  const bytes = process.memoryUsage.rss();
  return setInterval(() => {
    const { user, system } = process.cpuUsage(start);
    const isSlow = (user + system) / 1000 > mostMs;
    const isLarge = process.memoryUsage.rss() - bytes > MOST_BYTES;
    if (!isSlow && !isLarge) return;
    const took = isSlow ? `${(mostMs / 1000).toFixed(1)} s` : `${MOST_BYTES / 1e9} GB`;
    const reason = `more than ${took} for ${characters} characters`;
    process.send?.({ kind: 'stopped', reason } satisfies TokenizerMessage, end);
  }, LOOK_MS);
}

function failureOf(error: unknown): TokenizerMessage {
  if (isEngineError(error)) return { kind: 'refused', problem: error.problem };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: 'failed', message };
}

function send(message: TokenizerMessage): void {
  process.send?.(message);
}

/** A plain exit would wait for threads of the library, which may never return. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

void main();
