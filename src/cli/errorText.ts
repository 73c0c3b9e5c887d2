import { EngineError } from '../protocol/errors.ts';
import { RemoteBug } from '../protocol/wireError.ts';
import { styled, type Terminal } from './terminal.ts';

/**
 * What a user reads about something thrown: of an expected error what is wrong and, on a line of its
 * own, what to do; a bug with its stack and what to do with it.
 */
export function errorText(error: unknown, terminal: Terminal): string {
  const title = styled(terminal, 'red', 'error:');
  if (error instanceof EngineError) {
    const { action, sentence } = error.problem;
    return `${title} ${sentence}\n  ${action}\n`;
  }
  const stack = error instanceof RemoteBug ? error.remoteStack : stackOf(error);
  return [
    `${title} this is a bug in Subnet Studio`,
    ...stack.split('\n').map((line) => `  ${line}`),
    '  Please report it with these lines, your config, and log.txt of the run folder.',
    '',
  ].join('\n');
}

/** The same for a program: one JSON value. */
export function errorJson(error: unknown): { readonly error: Readonly<Record<string, string>> } {
  if (error instanceof EngineError) return { error: { code: error.code, ...error.problem } };
  return { error: { code: 'bug', what: error instanceof Error ? error.message : String(error) } };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
