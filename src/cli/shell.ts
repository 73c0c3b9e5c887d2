import type { EngineClientOptions } from '../server/client.ts';
import { safeJson } from '../protocol/plainText.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface Shell {
  readonly terminal: Terminal;
  /** How the engine process is started. */
  readonly engine: EngineClientOptions;
  /** Folder that relative paths of the command line start from. */
  readonly cwd: string;
  /**
   * Calls the listener at each request to stop (Ctrl-C, SIGTERM); the returned function stops that.
   */
  onInterrupt(listener: () => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/**
 * Prints the result of a command.
 * @param json  true: `value` as one line of JSON on stdout, the text on stderr
 * @param value  plain data
 * @param text  the same for people, with its newlines
 */
export function printResult(shell: Shell, json: boolean, value: unknown, text: string): void {
  const { terminal } = shell;
  if (!json) {
    terminal.out(text);
    return;
  }
  terminal.err(text);
  terminal.out(`${safeJson(value)}\n`);
}
