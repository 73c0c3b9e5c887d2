import {
  findNodeAtLocation,
  getNodeValue,
  parseTree,
  type Node,
  type ParseError,
} from 'jsonc-parser';
import { isNestedTooDeep } from '../protocol/configDepth.ts';

/** Longest text that is looked at, UTF-16 units; the checker refuses longer ones as well. */
const LONGEST_TEXT = 1 << 20;

/**
 * The object of a config text, as far as it can be read; nothing in it was checked.
 * @returns  undefined for a text without one
 */
export function readConfigTree(text: string): Node | undefined {
  if (isTooLarge(text)) return undefined;
  // A byte order mark counts as a blank, which keeps the offsets right.
  const tree = parseTree(text.replace(/^\uFEFF/, ' '), [], { allowTrailingComma: true });
  return tree?.type === 'object' ? tree : undefined;
}

/** True for a text that is longer, or nested deeper, than any config: nothing looks into it. */
export function isTooLarge(text: string): boolean {
  return text.length > LONGEST_TEXT || isNestedTooDeep(text);
}

/** True when nothing is written yet. */
export function isEmptyConfig(text: string): boolean {
  return text.replace(/^\uFEFF/, '').trim() === '';
}

/** True for JSON with comments, whatever is in it; not for one that is {@link isTooLarge}. */
export function isJson(text: string): boolean {
  if (isTooLarge(text)) return false;
  const errors: ParseError[] = [];
  parseTree(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true });
  return errors.length === 0;
}

/** The value node of a field, if it is written. */
export function fieldNode(tree: Node | undefined, path: readonly string[]): Node | undefined {
  if (tree === undefined) return undefined;
  // The parser takes a path that leads through a list or a scalar for a mistake of ours.
  for (let depth = 1; depth < path.length; depth++) {
    const section = findNodeAtLocation(tree, path.slice(0, depth));
    if (section?.type !== 'object') return undefined;
  }
  return findNodeAtLocation(tree, [...path]);
}

/** The property node (key and value) of a field, if it is written. */
export function propertyNode(tree: Node | undefined, path: readonly string[]): Node | undefined {
  return fieldNode(tree, path)?.parent;
}

/** The value of a field, unchecked; undefined when it is not written. */
export function fieldValue(tree: Node | undefined, path: readonly string[]): unknown {
  const node = fieldNode(tree, path);
  return node === undefined ? undefined : (getNodeValue(node) as unknown);
}
