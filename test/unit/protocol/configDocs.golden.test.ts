import { Ajv } from 'ajv';
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { configPage, schemaText } from '../../../scripts/configDocs.ts';
import { describeSchema, type SchemaNode } from '../../../src/protocol/describeSchema.ts';
import { runConfigSchema } from '../../../src/protocol/runConfig.ts';

const docs = new URL('../../../docs/', import.meta.url);
const root = runConfigSchema as unknown as SchemaNode;

test('docs/run-config.schema.json is in step with the source', async () => {
  checkGolden('run-config.schema.json', await schemaText());
});

test('docs/CONFIG.md is in step with the source', () => {
  checkGolden('CONFIG.md', configPage());
});

test('the shipped schema is valid JSON Schema and judges as our own checker does', async () => {
  const ajv = new Ajv({ strict: true, strictTuples: false, allowUnionTypes: true });
  const validate = ajv.compile(JSON.parse(await schemaText()) as object);
  const good = { model: 'm', ratio: 0.7, text: 't' };
  assert.equal(validate(good), true);
  assert.equal(validate({ ...good, search: { ranges: { mlp: [0.1, 1, 0.05] } } }), true);
  assert.equal(validate({ ...good, reform: { damping: [0.1, 0.2] } }), true);
  for (const bad of [
    { ratio: 0.7, text: 't' },
    { ...good, ratio: 0 },
    { ...good, ratio: 1.1 },
    { ...good, serach: {} },
    { ...good, search: { populaton: 3 } },
    { ...good, search: { ranges: { mlp: [0.1, 1] } } },
    { ...good, device: 'gpu' },
    { ...good, reform: { damping: 'best' } },
  ]) {
    assert.equal(validate(bad), false, JSON.stringify(bad));
  }
});

test('every field says unit, effect and where it can the value of the paper', () => {
  for (const [path, schema] of fields(root, '')) {
    const { description } = schema;
    assert.ok(description !== undefined && description.length > 20, path);
    assert.match(description, /\.$/, path);
    if (schema.properties !== undefined) continue;
    assert.match(description, /\(.*\)/, `${path} names no unit or kind`);
    assert.notEqual(describeSchema(schema), 'another value', path);
  }
});

function* fields(schema: SchemaNode, path: string): Generator<[string, SchemaNode]> {
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield [`${path}${name}`, child];
    yield* fields(child, `${path}${name}.`);
  }
}

function checkGolden(name: string, text: string): void {
  const url = new URL(name, docs);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(url, text);
  assert.equal(readFileSync(url, 'utf8'), text, `docs/${name}: run "npm run golden:update"`);
}
