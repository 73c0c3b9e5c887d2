import { findNodeAtOffset, getNodePath } from 'jsonc-parser';
import { readConfigTree } from './configTree.ts';
import { schemaAt } from './configSchema.ts';
import { explainField } from './explain.ts';

/** What is shown when the pointer rests on a place of a config. */
export interface ConfigHover {
  readonly markdown: string;
  /** The words it is about. */
  readonly offset: number;
  readonly length: number;
}

/** The explanation of the field whose name or value stands at an offset; null elsewhere. */
export function hoverAt(text: string, offset: number): ConfigHover | null {
  const root = readConfigTree(text);
  const node = root === undefined ? undefined : findNodeAtOffset(root, offset);
  if (node === undefined || node.type === 'property' || node.type === 'object') return null;
  const path = getNodePath(node).filter((part) => typeof part === 'string');
  const schema = schemaAt(path);
  if (schema === undefined || path.length === 0) return null;
  const isChoice = schema.enum?.includes(node.value) === true;
  const isKey = node.parent?.type === 'property' && node.parent.children?.[0] === node;
  const markdown = explainField(path, isChoice && !isKey ? node.value : undefined);
  return { markdown, offset: node.offset, length: node.length };
}
