import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { completeConfig } from '../../../src/configText/completion.ts';
import { configSchema } from '../../../src/configText/configSchema.ts';
import { configFields } from '../../../src/configText/fields.ts';
import { configHints } from '../../../src/configText/hints.ts';
import { hoverAt } from '../../../src/configText/hover.ts';
import { configLenses } from '../../../src/configText/lenses.ts';
import { modelIssues } from '../../../src/configText/modelIssues.ts';
import { configIssues } from '../../../src/configText/problems.ts';
import { applyEdits } from '../../../src/configText/textEdit.ts';
import type { SchemaNode } from '../../../src/protocol/describeSchema.ts';
import { checkRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { tinyFacts } from '../../unit/configText/tinyFacts.ts';
import { propertyOptions } from '../propertyOptions.ts';

const KNOWN = { models: [], texts: [], model: tinyFacts };

/** Any JSON under names that a config has, its own names of sections among them. */
function sectionOf({ properties = {} }: SchemaNode): fc.Arbitrary<object> {
  const fields = Object.entries(properties).map(
    ([name, child]): [string, fc.Arbitrary<unknown>] => [
      name,
      child.properties === undefined
        ? valueLike(child)
        : fc.oneof({ weight: 4, arbitrary: sectionOf(child) }, fc.jsonValue({ maxDepth: 2 })),
    ],
  );
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

/** A value of about the right kind, or anything. */
function valueLike(schema: SchemaNode): fc.Arbitrary<unknown> {
  const right = [
    ...(schema.enum === undefined ? [] : [fc.constantFrom(...schema.enum)]),
    ...(schema.type === 'integer' || schema.type === 'number'
      ? [fc.integer({ min: -2, max: 300 }), fc.double({ min: 0, max: 1.5, noNaN: true })]
      : []),
    ...(schema.type === 'boolean' ? [fc.boolean()] : []),
    fc.constantFrom({}, [], null, '2:4', [0.5, 0.2, 0.1]),
  ];
  return fc.oneof(...right, fc.jsonValue({ maxDepth: 2 }));
}

const anyConfig = sectionOf(configSchema).map((value) => JSON.stringify(value, null, 1));
/** Characters that matter to JSONC, put over some of a text. */
const anyText = fc
  .tuple(
    anyConfig,
    fc.array(fc.tuple(fc.nat(4000), fc.constantFrom(...'{}[]",:0a\\/\n\u0000-é'.split(''))), {
      maxLength: 4,
    }),
  )
  .map(([text, edits]) =>
    edits.reduce((all, [at, letter]) => {
      const place = at % Math.max(1, all.length);
      return all.slice(0, place) + letter + all.slice(place + 1);
    }, text),
  );

test('whatever a config says, no problem of it is lost and no repair throws', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const check = checkRunConfig(text);
      const issues = configIssues(text);
      assert.equal(issues.length, check.ok ? 0 : check.problems.length);
      for (const { message, fixes } of issues) {
        assert.match(message, /[.?]$/);
        for (const { edits } of fixes) assert.notEqual(applyEdits(text, edits), text);
      }
    }),
    propertyOptions({ numRuns: 400 }),
  );
});

test('whatever a config says, the help with it never throws', () => {
  fc.assert(
    fc.property(anyText, fc.nat(), (text, at) => {
      const offset = at % (text.length + 1);
      completeConfig(text, offset, KNOWN);
      hoverAt(text, offset);
      configLenses(text, { hasResult: true, canRun: true });
      configHints(text, tinyFacts);
      configFields(text);
      modelIssues(text, tinyFacts);
    }),
    propertyOptions({ numRuns: 200 }),
  );
});
