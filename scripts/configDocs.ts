import { format } from 'prettier';
import { runConfigSchema } from '../src/protocol/runConfig.ts';
import { presetValues } from '../src/configText/configSchema.ts';
import { describeSchema, type SchemaNode } from '../src/protocol/describeSchema.ts';

/** Text of docs/run-config.schema.json. */
export function schemaText(): Promise<string> {
  return format(JSON.stringify(runConfigSchema), { parser: 'json', printWidth: 100 });
}

/** Text of docs/CONFIG.md: one table row per field. */
export function configPage(): string {
  const root = runConfigSchema as unknown as SchemaNode;
  const rows = Object.entries(root.properties ?? {});
  const top = rows.filter(([, schema]) => schema.properties === undefined);
  const sections = rows.filter(([, schema]) => schema.properties !== undefined);
  return [
    '# The run config',
    '',
    '<!-- Written by "npm run golden:update" from src/protocol/runConfig.ts. Do not edit. -->',
    '',
    'A config is JSON with comments and trailing commas, named `*.subnet.jsonc`. It needs three',
    'fields; everything else has a default. Unknown fields are errors. "Paper" is Shen et al. 2024,',
    'arXiv 2409.17372. `subnet run` also checks that the values fit each other.',
    '',
    '```jsonc',
    '{',
    '  "model": "models/smollm2-135m", // a Hugging Face folder',
    '  "ratio": 0.7, // keep 70% of the prunable block parameters',
    '  "text": "texts/wiki.txt", // text like that the model will see',
    '}',
    '```',
    '',
    ...table('', top, root.required ?? []),
    ...sections.flatMap(([name, schema]) => section(name, schema)),
  ].join('\n');
}

function section(name: string, schema: SchemaNode): string[] {
  const rows = Object.entries(schema.properties ?? {});
  const own = rows.filter(([, child]) => child.properties === undefined);
  const inner = rows.filter(([, child]) => child.properties !== undefined);
  return [
    `## ${name}`,
    '',
    schema.description ?? '',
    '',
    ...table(name, own, []),
    ...inner.flatMap(([child, childSchema]) => section(`${name}.${child}`, childSchema)),
  ];
}

function table(
  path: string,
  rows: readonly (readonly [string, SchemaNode])[],
  required: readonly string[],
): string[] {
  return [
    '| field | takes | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows.map(([name, schema]) => {
      const field = path === '' ? name : `${path}.${name}`;
      const preset = defaultOf(field, schema, required.includes(name));
      return `| \`${field}\` | ${cell(describeSchema(schema))} | ${cell(preset)} | ${cell(schema.description ?? '')} |`;
    }),
    '',
  ];
}

/** The default of a field; where the preset gives it, that of each preset. */
function defaultOf(field: string, schema: SchemaNode, required: boolean): string {
  if (required) return 'required';
  if (schema.default !== undefined) return `\`${JSON.stringify(schema.default)}\``;
  if (!field.startsWith('search.')) return 'see meaning';
  const values = [...presetValues(field.split('.'))];
  if (values.length === 0) return 'by ratio';
  return values.map(([name, value]) => `${name} \`${JSON.stringify(value)}\``).join(', ');
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}
