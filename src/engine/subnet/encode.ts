import { EngineError, misfit } from '../../protocol/errors.ts';
import { type Block, blockOf, qkUnitCount } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { assertLegal } from './legal.ts';
import type { LayerMask, Subnet } from '../model/subnet.ts';

const [COMMA, DASH, ZERO] = [44, 45, 48];
/** No index has more: 2³² has ten. */
const MOST_DIGITS = 10;

/** A head's mask as JSON: kept indices as ascending ranges, e.g. `"0-11,14"`; `""` keeps nothing. */
export interface EncodedHead {
  readonly qk: string;
  readonly vo: string;
}

/** A block's mask as JSON. */
export interface EncodedLayer {
  readonly heads: readonly EncodedHead[];
  readonly mlp: string;
}

/** A subnet as JSON that a person can read. */
export interface EncodedSubnet {
  readonly layers: readonly EncodedLayer[];
}

/** The readable JSON form of a subnet. */
export function encodeSubnet(subnet: Subnet): EncodedSubnet {
  return { layers: subnet.layers.map(encodeLayer) };
}

/** The readable JSON form of one block's mask. */
export function encodeLayer(mask: LayerMask): EncodedLayer {
  return {
    heads: mask.heads.map((head) => ({ qk: encodeIndices(head.qk), vo: encodeIndices(head.vo) })),
    mlp: encodeIndices(mask.mlp),
  };
}

/**
 * The subnet that JSON from disk describes, checked against the model it is for.
 * @param value  parsed JSON, not trusted
 * @param path  where the value stands in its file, for messages
 * @throws EngineError  `decode` naming the path of the first fault; `shape` for a half-kept head
 */
export function decodeSubnet(shape: ModelShape, value: unknown, path = 'subnet'): Subnet {
  const { layers } = record(value, path, ['layers']);
  const list = array(layers, `${path}.layers`, shape.layers);
  const subnet = {
    layers: list.map((layer, l) => decodeLayer(blockOf(shape, l), layer, `${path}.layers[${l}]`)),
  };
  assertLegal(shape, subnet);
  return subnet;
}

/**
 * One block's mask from JSON. Half-kept heads are not looked for here.
 * @throws EngineError  `decode` naming the path of the first fault
 */
export function decodeLayer(block: Block, value: unknown, path: string): LayerMask {
  const { heads, mlp } = record(value, path, ['heads', 'mlp']);
  const { attention } = block;
  const qkUnits = qkUnitCount(attention);
  return {
    heads: array(heads, `${path}.heads`, attention.kvHeads).map((head, h) => {
      const at = `${path}.heads[${h}]`;
      const { qk, vo } = record(head, at, ['qk', 'vo']);
      return {
        qk: decodeIndices(qk, qkUnits, `${at}.qk`),
        vo: decodeIndices(vo, attention.headDim, `${at}.vo`),
      };
    }),
    mlp: decodeIndices(mlp, block.mlp.intermediate, `${path}.mlp`),
  };
}

/**
 * Ascending indices as text: runs as `first-last`, joined by commas.
 * @param indices  ascending
 */
export function encodeIndices(indices: Uint32Array): string {
  const runs: string[] = [];
  for (let i = 0; i < indices.length;) {
    const first = indices[i]!;
    let last = first;
    while (++i < indices.length && indices[i] === last + 1) last++;
    runs.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return runs.join(',');
}

/**
 * The indices that a range text names.
 * @param value  text from JSON, not trusted
 * @param units  number of units; indices run from 0 to units − 1
 * @throws EngineError  `decode` when it is no text, too long, not ascending or out of range
 */
export function decodeIndices(value: unknown, units: number, path: string): Uint32Array {
  // No legal text is longer than every index written out, at most ten digits and a comma each.
  if (typeof value !== 'string' || value.length > 11 * units) {
    throw undecodable(path, `index ranges such as "0-11,14" below ${units}`, describe(value));
  }
  const indices = new Uint32Array(units);
  let count = 0;
  let previous = -1;
  // Character by character: a large model has half a million ranges, and a dashboard waits for them.
  for (let at = 0; value !== '' && at <= value.length;) {
    const start = at;
    const [first, afterFirst] = readNumber(value, at);
    const isRange = value.charCodeAt(afterFirst) === DASH;
    const [last, end] = isRange ? readNumber(value, afterFirst + 1) : [first, afterFirst];
    const isWhole = end === value.length || value.charCodeAt(end) === COMMA;
    if (!isWhole || first <= previous || last < first || last >= units) {
      const run = value.slice(start).split(',', 1)[0];
      throw undecodable(path, `ascending index ranges below ${units}`, JSON.stringify(run));
    }
    for (let index = first; index <= last; index++) indices[count++] = index;
    previous = last;
    at = end + 1;
  }
  return indices.slice(0, count);
}

/** The number at a place of a text and where it ends; -1 where there is none, or one too long. */
function readNumber(text: string, from: number): [number, number] {
  let number = 0;
  let at = from;
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) break;
    number = 10 * number + digit;
  }
  return [at === from || at - from > MOST_DIGITS ? -1 : number, at];
}

function record(value: unknown, path: string, keys: readonly string[]): Record<string, unknown> {
  const expected = `an object with exactly ${keys.join(' and ')}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw undecodable(path, expected, describe(value));
  }
  const found = Object.keys(value);
  if (found.length !== keys.length || !keys.every((key) => Object.hasOwn(value, key))) {
    throw undecodable(
      path,
      expected,
      `one with the keys ${found.slice(0, 8).join(', ').slice(0, 120)}`,
    );
  }
  return value as Record<string, unknown>;
}

function array(value: unknown, path: string, length: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) {
    const found = Array.isArray(value) ? `one of ${value.length}` : describe(value);
    throw undecodable(path, `an array of ${length} entries`, found);
  }
  return value;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `a text of ${value.length} characters`;
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function undecodable(path: string, expected: string, found: string): EngineError {
  return new EngineError('decode', {
    ...misfit(path, expected, found),
    action: 'Use a file this program wrote for this model, or correct this place by hand.',
  });
}
