import { createHash } from 'node:crypto';
import type { LayerMask, Subnet } from '../model/subnet.ts';

/**
 * Hex digits of a key: 64 bits, so that among a million subnets two different ones share a key
 * with a chance below one in ten million.
 */
const KEY_DIGITS = 16;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** A short stable name of one block's mask; equal masks have equal keys, on every machine. */
export function layerKey(mask: LayerMask): string {
  const hash = createHash('sha256');
  const parts = [...mask.heads.flatMap((head) => [head.qk, head.vo]), mask.mlp];
  // Lengths first, so that moving an index from one list to the next changes the key.
  hash.update(bytes(Uint32Array.from([parts.length, ...parts.map((part) => part.length)])));
  for (const part of parts) hash.update(bytes(part));
  return hash.digest('hex').slice(0, KEY_DIGITS);
}

/** A short stable name of a subnet, made of its layer keys. */
export function subnetKey(subnet: Subnet): string {
  const hash = createHash('sha256');
  for (const mask of subnet.layers) hash.update(layerKey(mask));
  return hash.digest('hex').slice(0, KEY_DIGITS);
}

/** True when two blocks keep the same units. */
export function equalLayers(a: LayerMask, b: LayerMask): boolean {
  if (a === b) return true;
  return (
    a.heads.length === b.heads.length &&
    equalIndices(a.mlp, b.mlp) &&
    a.heads.every((head, h) => {
      const other = b.heads[h]!;
      return equalIndices(head.qk, other.qk) && equalIndices(head.vo, other.vo);
    })
  );
}

/**
 * The first block in which two subnets of one model differ: the blocks before it may share results.
 * @returns a block index, or the number of blocks when the subnets are equal
 */
export function firstChangedLayer(a: Subnet, b: Subnet): number {
  const changed = a.layers.findIndex((layer, l) => !equalLayers(layer, b.layers[l]!));
  return changed < 0 ? a.layers.length : changed;
}

/** True for the same indices. */
export function equalIndices(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((index, i) => index === b[i]);
}

/** The indices as little-endian bytes, whatever the machine; a view where that is its own order. */
function bytes(indices: Uint32Array): Uint8Array {
  if (IS_LITTLE_ENDIAN) {
    return new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength);
  }
  const view = new DataView(new ArrayBuffer(4 * indices.length));
  indices.forEach((index, i) => view.setUint32(4 * i, index, true));
  return new Uint8Array(view.buffer);
}
