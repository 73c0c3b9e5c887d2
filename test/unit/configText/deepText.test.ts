import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeConfig } from '../../../src/configText/completion.ts';
import { cursorAt } from '../../../src/configText/cursor.ts';
import { setField } from '../../../src/configText/edits.ts';
import { configFields } from '../../../src/configText/fields.ts';
import { configHints } from '../../../src/configText/hints.ts';
import { hoverAt } from '../../../src/configText/hover.ts';
import { configLenses } from '../../../src/configText/lenses.ts';
import { modelIssues } from '../../../src/configText/modelIssues.ts';
import { configIssues } from '../../../src/configText/problems.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { checkRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { tinyFacts } from './tinyFacts.ts';

const BRACKETS = 100_000;
const texts: Readonly<Record<string, string>> = {
  'open brackets': `{ "seed": ${'['.repeat(BRACKETS)}`,
  'closed brackets': `{ "seed": ${'['.repeat(BRACKETS / 2)}${']'.repeat(BRACKETS / 2)} }`,
  'open sections': '{ "a": '.repeat(BRACKETS),
};
/** The slowest of these took seconds, or ended by an overflow; a window may not wait that long. */
const LIMIT_MS = 100;

for (const [name, text] of Object.entries(texts)) {
  test(`${BRACKETS} ${name} are one problem, and cost no time`, () => {
    const middle = text.length >> 1;
    const known = { models: [], texts: [], model: tinyFacts };
    const work: Readonly<Record<string, () => unknown>> = {
      check: () => checkRunConfig(text),
      issues: () => configIssues(text),
      complete: () => completeConfig(text, middle, known),
      cursor: () => cursorAt(text, middle),
      hover: () => hoverAt(text, middle),
      hints: () => configHints(text, tinyFacts),
      lenses: () => configLenses(text, { hasResult: true, canRun: true }),
      fields: () => configFields(text),
      model: () => modelIssues(text, tinyFacts),
    };
    for (const [what, doIt] of Object.entries(work)) {
      doIt();
      const start = process.cpuUsage();
      doIt();
      const { user, system } = process.cpuUsage(start);
      assert.ok((user + system) / 1000 < LIMIT_MS, `${what}: ${(user + system) / 1000} ms`);
    }
    const [issue, ...others] = configIssues(text);
    assert.deepEqual([issue?.kind, others.length], ['root', 0]);
    assert.equal(issue?.message, 'Brackets are nested more than 64 levels deep.');
    assert.throws(() => setField(text, ['seed'], 3), isEngineError);
  });
}

test('a config is as deep as it likes within the limit, in texts and comments beyond it', () => {
  const depth = (levels: number): string =>
    `{"x": ${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  const says = (text: string): string =>
    configIssues(text)
      .map(({ message }) => message)
      .join(' ');
  assert.match(says(depth(64)), /Unknown field "x"/);
  assert.match(says(depth(65)), /nested more than 64/);
  const quoted = `// ${'['.repeat(100)}\n{"x": "${'{'.repeat(100)}"}`;
  assert.doesNotMatch(says(quoted), /nested/);
});
