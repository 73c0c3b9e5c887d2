import { EngineError } from '../protocol/errors.ts';

const RESUME = 'What it finished is on disk: continue with "subnet resume RUN".';

/** The engine process ended while it was needed. */
export function crashError(
  code: number | null,
  signal: string | null,
  lastLines: readonly string[],
): EngineError {
  return new EngineError('run', {
    what: 'The engine process',
    expected: 'to run to its end',
    found: `${describeEnd(code, signal)}${quoted(lastLines)}`,
    action: RESUME,
    sentence: `The engine ended too early: ${describeEnd(code, signal)}${endOf(lastLines)}`,
  });
}

/** The engine process did not answer its first question. */
export function handshakeError(limitMs: number, lastLines: readonly string[]): EngineError {
  return new EngineError('run', {
    what: 'The engine process',
    expected: `an answer within ${limitMs / 1000} s of its start`,
    found: `none${quoted(lastLines)}`,
    action: 'Try again; if it stays so, run "npm run build" and report it with these lines.',
    sentence: `The engine did not answer within ${limitMs / 1000} s of its start${endOf(lastLines)}`,
  });
}

/** The engine process stopped answering. */
export function silenceError(silentMs: number): EngineError {
  return new EngineError('run', {
    what: 'The engine process',
    expected: 'a sign of life now and then',
    found: `none for ${Math.round(silentMs / 1000)} s, so it was ended`,
    action: RESUME,
    sentence: `The engine was ended: it gave no sign of life for ${Math.round(silentMs / 1000)} s.`,
  });
}

function describeEnd(code: number | null, signal: string | null): string {
  if (signal === 'SIGKILL') return 'by SIGKILL, most often because the memory ran out';
  if (signal === 'SIGSEGV' || signal === 'SIGABRT' || signal === 'SIGBUS') {
    return `by ${signal}, a crash of a native library`;
  }
  if (signal !== null) return `by ${signal}`;
  if (code === 134 || code === 139) return `exit code ${code}, a crash of a native library`;
  return code === null ? 'it could not be started' : `exit code ${code}`;
}

function quoted(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `, after printing:\n${lines.map((l) => `  ${l}`).join('\n')}\n`;
}

/** How a sentence ends that quotes these lines: the list ends it, or else a full stop does. */
function endOf(lines: readonly string[]): string {
  return lines.length === 0 ? '.' : quoted(lines);
}
