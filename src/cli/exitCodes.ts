import { CommanderError } from 'commander';
import { EngineError } from '../protocol/errors.ts';

/** What the exit code of `subnet` means. */
export const exitCodes = {
  ok: 0,
  /** It was tried and failed, or a part of the printed result is missing. */
  failed: 1,
  /** The command line or the config is wrong; nothing was tried. */
  usage: 2,
  /** An export does not compute what the searched model computes. */
  verify: 3,
  /** Stopped by the user; 128 + SIGINT, as shells expect. */
  stopped: 130,
} as const;

/** Exit code for something thrown. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (!(error instanceof EngineError)) return exitCodes.failed;
  if (error.code === 'config') return exitCodes.usage;
  if (error.code === 'verify') return exitCodes.verify;
  return error.code === 'cancelled' ? exitCodes.stopped : exitCodes.failed;
}
