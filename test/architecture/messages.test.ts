import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { filesUnder, ROOT } from './imports.ts';

/** Ways to show text that an editor or a terminal acts on, and the one file that may use each. */
const SINKS: readonly (readonly [RegExp, string])[] = [
  [/\.show(Error|Warning|Information)Message\b/, 'src/host/ui/messages.ts'],
  [/\bnew vscode\.MarkdownString\b/, 'src/host/ui/messages.ts'],
  [/\.withProgress\b/, 'src/host/ui/messages.ts'],
  [/`\$\(/, 'src/host/ui/messages.ts'],
  [/\bstd(out|err)\.write\b/, 'src/cli/terminal.ts'],
];
/** Has one icon of its own before text that it cleans. */
const STATUS_BAR = 'src/host/ui/statusBar.ts';
/** Tells of such text in its comments. */
const CLEANERS = 'src/protocol/plainText.ts';

describe('text that may come from a file', () => {
  for (const [sink, allowed] of SINKS) {
    it(`reaches ${sink.source} through ${allowed} only`, () => {
      const others = filesUnder('src')
        .filter((path) => path.endsWith('.ts') && ![allowed, STATUS_BAR, CLEANERS].includes(path))
        .filter((path) => sink.test(readFileSync(join(ROOT, path), 'utf8')));
      assert.deepEqual(others, []);
      assert.match(readFileSync(join(ROOT, allowed), 'utf8'), sink);
    });
  }

  it('is cleaned in tree items', () => {
    for (const path of filesUnder('src/host')) {
      const text = readFileSync(join(ROOT, path), 'utf8');
      for (const [, argument] of text.matchAll(/new vscode\.TreeItem\(([^,)]*)/g)) {
        assert.match(argument!, /^\s*labelText\(/, path);
      }
    }
  });
});
