import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import { modelSummarySchema } from '../../../src/protocol/modelSummary.ts';
import { panelParams } from '../../../src/protocol/panelParams.ts';
import { runConfigSchema } from '../../../src/protocol/runConfig.ts';
import { eventStampSchema, runEventSchemas } from '../../../src/protocol/runEvent.ts';
import * as records from '../../../src/protocol/runRecord.ts';
import { Check as smallCheck, Errors } from '../../../src/protocol/smallChecker.ts';

const schemas: Readonly<Record<string, TSchema>> = {
  ...{ modelSummarySchema, runConfigSchema, eventStampSchema },
  ...{ ...panelParams, ...runEventSchemas },
  ...Object.fromEntries(Object.entries(records).filter(([name]) => name.endsWith('Schema'))),
};

describe('the small checker', () => {
  it('gives the same verdict as typebox on values that fit and on values that nearly do', () => {
    const counts = { fits: 0, not: 0 };
    for (const [name, schema] of Object.entries(schemas)) {
      const values = nearly(JSON.parse(JSON.stringify(schema)) as JsonSchema);
      fc.assert(
        fc.property(values, (value) => {
          const verdict = Check(schema, value);
          counts[verdict ? 'fits' : 'not']++;
          assert.equal(smallCheck(schema, value), verdict, name);
          const [fits, flaws] = Errors(schema, value);
          assert.deepEqual([fits, flaws.length], [verdict, verdict ? 0 : 1], name);
        }),
        { seed: 7, numRuns: 150 },
      );
    }
    // Otherwise the test would say nothing about one of the two.
    assert.ok(counts.fits > 300 && counts.not > 300, JSON.stringify(counts));
  });

  it('knows every word that our schemas use', () => {
    const known =
      /^(type|const|enum|anyOf|items|minItems|maxItems|additionalItems|properties|required|additionalProperties|minimum|maximum|exclusiveMinimum|exclusiveMaximum|minLength|maxLength|pattern|default|title|description|\$schema)$/;
    for (const [name, schema] of Object.entries(schemas)) {
      for (const word of wordsOf(JSON.parse(JSON.stringify(schema)) as JsonSchema)) {
        assert.match(word, known, name);
      }
    }
  });

  it('says where the first flaw is', () => {
    const message = { run: 'a', path: ['search', 7], value: 1 };
    const [, [flaw]] = Errors(panelParams.editConfig, message);
    assert.deepEqual(flaw, { instancePath: '/path/1', message: 'must be string' });
  });
});

function wordsOf(schema: JsonSchema): string[] {
  const { properties = {}, items, anyOf = [], additionalProperties } = schema;
  const each: readonly JsonSchema[] = items === undefined ? [] : [items].flat();
  const lists = [...Object.values(properties), ...anyOf, ...each];
  const below = typeof additionalProperties === 'object' ? [additionalProperties] : [];
  return [...Object.keys(schema), ...[...lists, ...below].flatMap(wordsOf)];
}

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly minimum?: number;
  readonly pattern?: string;
}

/** Values of a schema; a few parts of some are replaced by something else. */
function nearly(schema: JsonSchema): fc.Arbitrary<unknown> {
  const odd = fc.constantFrom<unknown>(
    null,
    '',
    'x'.repeat(300),
    -1,
    0,
    0.5,
    1e9,
    true,
    [],
    {},
    NaN,
  );
  return fc.oneof({ weight: 40, arbitrary: fitting(schema) }, { weight: 1, arbitrary: odd });
}

function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(nearly));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if ('const' in schema) return fc.constant(schema.const);
  switch (schema.type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: (schema.minimum ?? 0) + 50 });
    case 'number':
      return fc.double({
        min: schema.minimum ?? 0.01,
        max: (schema.minimum ?? 0) + 1,
        noNaN: true,
      });
    case 'string':
      return schema.pattern === undefined
        ? fc.string({ minLength: 1, maxLength: 8 })
        : fc.stringMatching(new RegExp(schema.pattern));
    case 'array':
      return Array.isArray(schema.items)
        ? fc.tuple(...(schema.items as JsonSchema[]).map(nearly))
        : fc.array(nearly(schema.items as JsonSchema), { minLength: 1, maxLength: 3 });
    case 'object':
      return objects(schema);
    default:
      return fc.jsonValue();
  }
}

function objects(schema: JsonSchema): fc.Arbitrary<unknown> {
  const { properties, required = [], additionalProperties } = schema;
  if (properties === undefined) {
    const value = typeof additionalProperties === 'object' ? additionalProperties : {};
    return fc.dictionary(fc.string({ maxLength: 5 }), nearly(value), { maxKeys: 3 });
  }
  const fields = Object.fromEntries(
    Object.entries(properties).map(([key, one]) => [key, nearly(one)]),
  );
  const whole = fc.record(fields, { requiredKeys: [...required] });
  const extra = fc.record({ ...fields, unheardOf: fc.constant(1) });
  const lacking = fc.record(fields, { requiredKeys: [] });
  return fc.oneof({ weight: 30, arbitrary: whole }, extra, lacking);
}
