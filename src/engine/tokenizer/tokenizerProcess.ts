import { fork, type ChildProcess } from 'node:child_process';
import { cancelled, EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { childProgram } from '../processes/childProgram.ts';
import type { CutPlaces } from './cutPlaces.ts';
import type { TextWindow } from './textWindows.ts';
import { tokenizerError } from './tokenizerFile.ts';
import { TOKENIZER_FILE, unrunnable } from './tokenizerFiles.ts';
import type { EncodeMessage, TokenizerMessage } from './tokenizerMessages.ts';

/** The largest tokenizers take 5 s on a slow machine; a file that takes this long is hostile. */
const OPEN_MS = 60_000;
/** Most of the child's stderr kept, UTF-16 units. */
const MOST_STDERR = 16_384;

interface Pending {
  readonly resolve: (message: TokenizerMessage) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A process that holds one tokenizer of the Rust library. The library may end its process, or never
 * return, for a hostile file: here that costs this process and gives one error.
 */
export class TokenizerProcess {
  readonly cuts: CutPlaces;
  /** SHA-256 of the files the tokenizer was made from. */
  readonly hash: string;
  private readonly child: AnsweringChild;

  private constructor(child: AnsweringChild, cuts: CutPlaces, hash: string) {
    this.child = child;
    this.cuts = cuts;
    this.hash = hash;
  }

  /**
   * Starts a process with the tokenizer of a model folder.
   * @param vocab  V, the number of rows of the model's embedding
   * @throws EngineError `tokenizer`, `cancelled`
   */
  static async start(
    folder: string,
    vocab: number,
    signal?: AbortSignal,
  ): Promise<TokenizerProcess> {
    const child = new AnsweringChild([folder, String(vocab)]);
    const timer = setTimeout(() => {
      child.fail(
        tokenizerError({
          ...{ what: TOKENIZER_FILE, expected: 'a file that opens' },
          found: `none within ${OPEN_MS / 1000} s`,
          sentence: `${TOKENIZER_FILE} could not be opened within ${OPEN_MS / 1000} s.`,
        }),
      );
    }, OPEN_MS);
    try {
      const opened = await child.answer(signal);
      if (opened.kind !== 'opened') throw errorOf(opened);
      return new TokenizerProcess(child, opened.cuts, opened.hash);
    } catch (error) {
      child.end();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** False once the process has ended. */
  get isAlive(): boolean {
    return this.child.isAlive;
  }

  /**
   * Encodes the pieces of some windows; one call at a time.
   * @throws EngineError `tokenizer`, `cancelled`; the process may have ended then
   */
  async encode(windows: readonly TextWindow[], signal?: AbortSignal): Promise<Uint32Array> {
    const message: EncodeMessage = { windows };
    const answer = await this.child.ask(message, signal);
    if (answer.kind === 'encoded') return answer.ids;
    throw errorOf(answer);
  }

  /** Ends the process at once. Never throws. */
  end(): void {
    this.child.end();
  }
}

/** A forked program that gives one answer to each message, and its own first one unasked. */
class AnsweringChild {
  private readonly child: ChildProcess;
  private pending: Pending | undefined;
  private ended: Error | undefined;
  private stderr = '';

  constructor(args: readonly string[]) {
    const { entry, execArgv } = childProgram('tokenizer');
    this.child = fork(entry, args, {
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // JSON would write each id as text.
      serialization: 'advanced',
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-MOST_STDERR);
    });
    this.child.on('message', (message) => {
      const { pending } = this;
      this.pending = undefined;
      this.holdEngine(false);
      pending?.resolve(message as TokenizerMessage);
    });
    this.child.on('error', (error) => this.fail(deathError(error.message, '')));
    // Not "exit": what it wrote last says why it ended.
    this.child.on('close', (code, signal) => {
      this.fail(deathError(signal ?? `exit code ${code}`, this.stderr));
    });
  }

  get isAlive(): boolean {
    return this.ended === undefined;
  }

  ask(message: EncodeMessage, signal?: AbortSignal): Promise<TokenizerMessage> {
    throwIfAborted(signal);
    const answer = this.answer(signal);
    // A message that cannot be sent means that the child has ended, which is reported by its end.
    if (this.isAlive) this.child.send(message, () => undefined);
    return answer;
  }

  /** The next message. Raising the signal ends the process: nothing else stops the library. */
  async answer(signal?: AbortSignal): Promise<TokenizerMessage> {
    if (this.ended !== undefined) throw this.ended;
    const stop = (): void => this.fail(cancelled());
    signal?.addEventListener('abort', stop);
    try {
      return await new Promise((resolve, reject) => {
        this.pending = { resolve, reject };
        this.holdEngine(true);
      });
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Ends the process and gives its reason to who waits. */
  fail(reason: Error): void {
    this.ended ??= reason;
    const { pending } = this;
    this.pending = undefined;
    this.end();
    pending?.reject(this.ended);
  }

  end(): void {
    this.ended ??= new Error('The tokenizer was used after its end.');
    this.child.kill('SIGKILL');
    this.holdEngine(false);
  }

  /** An idle tokenizer must not keep the engine alive. */
  private holdEngine(hold: boolean): void {
    const stderr = this.child.stderr as { ref?(): void; unref?(): void } | null;
    for (const one of [this.child, this.child.channel, stderr]) {
      if (hold) one?.ref?.();
      else one?.unref?.();
    }
  }
}

function errorOf(message: TokenizerMessage): Error {
  if (message.kind === 'refused') return new EngineError('tokenizer', message.problem);
  if (message.kind === 'stopped') return endlessError(message.reason);
  return new Error(message.kind === 'failed' ? message.message : `Not an answer: ${message.kind}`);
}

/** The process ended in the middle of its work. */
function deathError(exit: string, stderr: string): EngineError {
  const panic = /panicked at [^\n]*:\n([^\n]+)/.exec(stderr)?.[1]?.trim().slice(0, 200);
  // Oniguruma counts its steps and gives up after ten million at one place.
  if (panic?.includes('retry-limit') === true) return endlessError('a pattern that takes for ever');
  const found = panic === undefined ? `the end of its process (${exit})` : `"${panic}"`;
  return unrunnable(found);
}

function endlessError(found: string): EngineError {
  return new EngineError('tokenizer', {
    what: TOKENIZER_FILE,
    expected: 'a tokenizer that encodes the text in bounded time and memory',
    found,
    action: 'Correct the patterns of its "Split" and "Replace" steps, or choose another model.',
    sentence: `${TOKENIZER_FILE} takes too long or too much memory to encode the text: ${found}.`,
  });
}
