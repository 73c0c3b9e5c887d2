import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './contents.ts';

/**
 * Bytes of script that a dashboard reads before it can draw: its first script and all that this
 * imports in turn. Pieces that are read later do not count.
 */
export function pageBytes(): number {
  const met = new Set<string>();
  let bytes = 0;
  const read = (path: string): void => {
    if (met.has(path)) return;
    met.add(path);
    const text = readFileSync(path, 'utf8');
    bytes += Buffer.byteLength(text);
    for (const [, piece] of text.matchAll(/(?:from|import)"(\.[^"]+)"/g)) {
      read(join(dirname(path), piece!));
    }
  };
  read(join(ROOT, 'dist', 'webview.js'));
  return bytes;
}
