import { EngineError } from '../../protocol/errors.ts';

/**
 * Tokens of one call: enough to keep the cores busy, few enough to keep activations small
 * (RUNTIME section 3: no gain from larger batches).
 */
const TOKENS_PER_BATCH = 1024;

/**
 * Groups windows of one length into batches.
 * @param windows  token ids, all of one length T ≥ 2
 * @returns  batches of whole windows, at least one window each
 * @throws EngineError `text` when there is no window or the lengths differ
 */
export function batchesOf(windows: readonly Uint32Array[]): Uint32Array[][] {
  const time = windows[0]?.length ?? 0;
  if (time < 2 || windows.some((window) => window.length !== time)) {
    throw new EngineError('text', {
      what: 'Token windows',
      expected: 'at least one window of two or more tokens, all of one length',
      found: windows.length === 0 ? 'none' : `lengths ${windows.map((w) => w.length).join(', ')}`,
      action: 'Give a longer text or a shorter window.',
      sentence:
        windows.length === 0
          ? 'The text gives no window of tokens.'
          : 'The windows of tokens are shorter than two tokens or differ in length.',
    });
  }
  const size = Math.max(1, Math.floor(TOKENS_PER_BATCH / time));
  const batches: Uint32Array[][] = [];
  for (let i = 0; i < windows.length; i += size) batches.push(windows.slice(i, i + size));
  return batches;
}
