import { ResponseError } from 'vscode-jsonrpc';
import { EngineError, type ErrorCode, type Problem } from './errors.ts';

/** JSON-RPC error number of an expected error; its data tells the rest. */
const EXPECTED = -32000;
/** JSON-RPC error number of a bug: "internal error". */
const BUG = -32603;

/** A bug at the other end of a connection, with the stack it had there. */
export class RemoteBug extends Error {
  override readonly name = 'RemoteBug';
  /** Stack at the other end. */
  readonly remoteStack: string;

  constructor(message: string, remoteStack: string) {
    super(message);
    this.remoteStack = remoteStack;
  }
}

/** An error as it travels: number and message for JSON-RPC, data for {@link fromWireError}. */
export interface WireError {
  readonly number: number;
  readonly message: string;
  readonly data:
    { readonly code: ErrorCode; readonly problem: Problem } | { readonly stack: string };
}

/** Anything thrown, as plain data. An Error itself serialises to an empty object. */
export function toWireError(error: unknown): WireError {
  if (error instanceof EngineError) {
    return {
      number: EXPECTED,
      message: error.message,
      data: { code: error.code, problem: error.problem },
    };
  }
  if (error instanceof Error) {
    return { number: BUG, message: error.message, data: { stack: error.stack ?? error.message } };
  }
  return { number: BUG, message: String(error), data: { stack: String(error) } };
}

/** The error of a failed request, as it was thrown at the other end. */
export function fromWireError(error: unknown): Error {
  if (!(error instanceof ResponseError)) {
    return error instanceof Error ? error : new Error(String(error));
  }
  const data: unknown = error.data;
  if (isExpected(data)) return new EngineError(data.code, data.problem);
  if (typeof data === 'object' && data !== null && 'stack' in data) {
    return new RemoteBug(error.message, String(data.stack));
  }
  return error;
}

function isExpected(data: unknown): data is { code: ErrorCode; problem: Problem } {
  if (typeof data !== 'object' || data === null) return false;
  const { code, problem } = data as { code?: unknown; problem?: Partial<Problem> | null };
  return typeof code === 'string' && typeof problem?.sentence === 'string';
}
