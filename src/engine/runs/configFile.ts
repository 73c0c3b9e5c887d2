import { readPlainText } from '../../files/plainFile.ts';
import { EngineError, isEngineError } from '../../protocol/errors.ts';

/** Largest config that is read, bytes: those people write have a few kilobytes. */
const MOST_BYTES = 1_000_000;

/**
 * Reads the text of a run config.
 * @param path  a *.subnet.jsonc file
 * @throws EngineError `config` when it is absent, no plain file, a link, too large or unreadable
 */
export function readConfigFile(path: string): string {
  let text: string | undefined;
  let reason: unknown;
  try {
    text = readPlainText(path, { links: 'refused', mostBytes: MOST_BYTES });
  } catch (error) {
    reason = error;
  }
  if (text !== undefined) return text;
  throw new EngineError(
    'config',
    {
      what: path,
      expected: 'a run config (*.subnet.jsonc)',
      found: isEngineError(reason) ? reason.problem.found : 'no such file',
      sentence: isEngineError(reason)
        ? `The run config cannot be read: ${reason.problem.sentence}`
        : `There is no run config ${path}.`,
      action:
        'Name a config that exists. To make one, use "New Run Config" in VS Code or copy one of examples/.',
    },
    { cause: reason },
  );
}
