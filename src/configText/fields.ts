import type { Node } from 'jsonc-parser';
import type { SchemaNode } from '../protocol/describeSchema.ts';
import type { ConfigField } from '../protocol/panelApi.ts';
import {
  configSchema,
  isRead,
  methodIn,
  numbersNameOf,
  presetValues,
  schemaAt,
} from './configSchema.ts';
import { fieldValue, readConfigTree } from './configTree.ts';

/**
 * Every field of a config that its method reads and that holds one plain value, with the value it has or
 * would take.
 * @returns  in the order of the schema; lists and free forms are left to the text
 */
export function configFields(text: string): readonly ConfigField[] {
  const tree = readConfigTree(text);
  return fieldsUnder(configSchema, [], tree);
}

function fieldsUnder(
  schema: SchemaNode,
  path: readonly string[],
  tree: Node | undefined,
): ConfigField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const at = [...path, name];
    if (child.properties !== undefined) return fieldsUnder(child, at, tree);
    const type = typeOf(child);
    if (type === null || !isRead(at, tree) || name === '$schema') return [];
    const written = fieldValue(tree, at);
    return [
      {
        path: at,
        value: scalar(written === undefined ? defaultOf(at, child, tree) : written),
        isDefault: written === undefined,
        type,
        choices: (child.enum ?? []).map(String),
        minimum: child.minimum ?? child.exclusiveMinimum ?? null,
        maximum: child.maximum ?? null,
        description: child.description ?? '',
      },
    ];
  });
}

function typeOf(schema: SchemaNode): ConfigField['type'] | null {
  if (schema.enum !== undefined) return 'choice';
  switch (schema.type) {
    case 'boolean':
      return 'switch';
    case 'integer':
      return 'integer';
    case 'number':
      return 'number';
    case 'string':
      return 'text';
    default:
      return null;
  }
}

/** The schema's default, else the preset's, else that of the field it follows. */
function defaultOf(path: readonly string[], schema: SchemaNode, tree: Node | undefined): unknown {
  if (schema.default !== undefined) return schema.default;
  if (path.join('.') === 'reform.windows') {
    const followed = ['calibration', 'windows'];
    return fieldValue(tree, followed) ?? schemaAt(followed)?.default;
  }
  if (path.join('.') === 'reform.target') return methodIn(tree) === 'levels' ? 'auto' : 'dense';
  return presetValues(path).get(numbersNameOf(tree));
}

function scalar(value: unknown): ConfigField['value'] {
  const isScalar = ['string', 'number', 'boolean'].includes(typeof value);
  return isScalar ? (value as ConfigField['value']) : null;
}
