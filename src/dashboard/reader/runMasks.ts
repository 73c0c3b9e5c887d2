import { join } from 'node:path';
import { readCandidate } from '../../engine/runs/candidateStore.ts';
import { latestGeneration } from '../../engine/runs/generationStore.ts';
import { readRunJson, runFiles } from '../../engine/runs/runLayout.ts';
import { decodeIndices, type EncodedLayer } from '../../engine/subnet/encode.ts';
import { subnetKey } from '../../engine/subnet/key.ts';
import { packSubnet, unpackSubnet } from '../../engine/subnet/pack.ts';
import type { LayerMask, Subnet } from '../../engine/model/subnet.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { UnitLayout } from '../../protocol/unitLayout.ts';
import type { MaskRef } from '../../protocol/panelParams.ts';
import { namedMasks, type NamedMask } from '../model/runSnapshot.ts';
import { fileStamp } from './fileStamp.ts';

/** A mask as a dashboard draws it. */
export interface MaskBits {
  /** Subnet key. */
  readonly key: string;
  /** [layers · bytesPerLayer] */
  readonly bits: Uint8Array;
}

/**
 * Reads a mask of a run.
 * @throws EngineError `run` when the run does not keep it, `decode` when it is damaged, `disk`
 */
export function readMask(folder: string, layout: UnitLayout, ref: MaskRef): MaskBits {
  if (ref.kind === 'named') return readNamed(folder, layout, ref.name);
  const { key } = ref;
  const bits = readCandidate(folder, layout, key) ?? bitsByKey(folder, layout, key);
  if (bits !== undefined) return { key, bits };
  throw new EngineError('run', {
    what: `Subnet ${key}`,
    expected: 'its masks in the run folder',
    found: 'none',
    action: 'Choose a subnet of the last generation; masks of older ones may not have been kept.',
    sentence: `The run folder does not hold the masks of subnet ${key}.`,
  });
}

/** Keys of named masks that were read before, each with the stamp of its file then. */
export type KnownKeys = Map<NamedMask, { readonly stamp: string; readonly key: string }>;

/**
 * Subnet keys of the masks that have a name and can be read.
 * @param known  what was found before; brought up to date
 */
export function namedMaskKeys(
  folder: string,
  layout: UnitLayout,
  known: KnownKeys = new Map(),
): Partial<Record<NamedMask, string>> {
  const keys: Partial<Record<NamedMask, string>> = {};
  for (const name of namedMasks) {
    // Taken before the file is read: one that changes meanwhile is read again next time.
    const stamp = fileStamp(join(folder, runFiles.masks, `${name}.json`));
    const before = known.get(name);
    if (stamp !== null && before?.stamp === stamp) {
      keys[name] = before.key;
      continue;
    }
    known.delete(name);
    try {
      const key = subnetKey(namedSubnet(folder, layout, name));
      keys[name] = key;
      if (stamp !== null) known.set(name, { stamp, key });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }
  return keys;
}

/**
 * How often each unit is kept by some subnets of a run.
 * @param keys  subnet keys; those whose masks are gone are left out
 * @returns the number of subnets counted and, per unit [layers · perLayer], 0 = never to 255 = always
 */
export function keptShares(
  folder: string,
  layout: UnitLayout,
  keys: readonly string[],
): { readonly subnets: number; readonly shares: Uint8Array } {
  const { layers, perLayer, bytesPerLayer } = layout;
  // Made when masks of that size were found, so that the sizes of a manifest alone allocate little.
  let counts: Uint16Array | undefined;
  let subnets = 0;
  for (const key of keys) {
    const bits = readCandidate(folder, layout, key) ?? bitsByKey(folder, layout, key);
    if (bits === undefined) continue;
    subnets++;
    counts ??= new Uint16Array(layers * perLayer);
    for (let l = 0; l < layers; l++) {
      for (let u = 0; u < perLayer; u++) {
        counts[l * perLayer + u]! += (bits[l * bytesPerLayer + (u >> 3)]! >> (u & 7)) & 1;
      }
    }
  }
  const scale = subnets === 0 ? 0 : 255 / subnets;
  const shares = new Uint8Array(layers * perLayer);
  counts?.forEach((count, unit) => (shares[unit] = Math.round(count * scale)));
  return { subnets, shares };
}

function readNamed(folder: string, layout: UnitLayout, name: NamedMask): MaskBits {
  const subnet = namedSubnet(folder, layout, name);
  return { key: subnetKey(subnet), bits: packSubnet(layout, subnet) };
}

function namedSubnet(folder: string, layout: UnitLayout, name: NamedMask): Subnet {
  const what = `masks/${name}.json`;
  const value = readRunJson(folder, what);
  if (value === undefined) {
    throw new EngineError('run', {
      what,
      expected: 'the masks of that name',
      found: 'no such file yet',
      action: 'Wait until the run has come so far.',
      sentence: `The run has not written ${what} yet.`,
    });
  }
  return decodeMasks(layout, layersOf(value), what);
}

/** Masks that are on disk elsewhere: under a name, or as the genome of a survivor. */
function bitsByKey(folder: string, layout: UnitLayout, key: string): Uint8Array | undefined {
  for (const name of namedMasks) {
    try {
      const named = readNamed(folder, layout, name);
      if (named.key === key) return named.bits;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }
  return survivorBits(folder, layout, key);
}

/** The masks of a survivor, which the search keeps to breed from; nothing in its state is trusted. */
function survivorBits(folder: string, layout: UnitLayout, key: string): Uint8Array | undefined {
  const state = latestGeneration(folder)?.state as SearchState | null | undefined;
  const genome = list(state?.survivors).find((one) => one?.key === key)?.genome;
  if (genome === undefined) return undefined;
  const bits = packSubnet(layout, decodeMasks(layout, genome.layers, `genome of ${key}`));
  // A dropped block remembers its masks but keeps nothing.
  for (const l of list(genome.dropped)) {
    if (Number.isInteger(l)) bits.fill(0, l * layout.bytesPerLayer, (l + 1) * layout.bytesPerLayer);
  }
  return subnetKey(unpackSubnet(layout, bits)) === key ? bits : undefined;
}

function list<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}

/** The part of a search state that is looked at. */
interface SearchState {
  readonly survivors?: readonly ({
    readonly key?: string;
    readonly genome?: { readonly layers?: unknown; readonly dropped?: readonly number[] };
  } | null)[];
}

function layersOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'layers' in value
    ? value.layers
    : undefined;
}

function decodeMasks(layout: UnitLayout, layers: unknown, what: string): Subnet {
  if (!Array.isArray(layers) || layers.length !== layout.layers) {
    throw damaged(what, `${layout.layers} blocks`);
  }
  return { layers: layers.map((layer, l) => decodeLayer(layout, layer, `${what}, block ${l}`)) };
}

function decodeLayer(layout: UnitLayout, value: unknown, what: string): LayerMask {
  const { heads, mlp } = (value ?? {}) as Partial<EncodedLayer>;
  if (!Array.isArray(heads) || heads.length !== layout.kvHeads) {
    throw damaged(what, `${layout.kvHeads} heads`);
  }
  return {
    heads: heads.map((head: Partial<EncodedLayer['heads'][number]> | null, h) => ({
      qk: decodeIndices(head?.qk, layout.qkUnits, `${what}, head ${h}, qk`),
      vo: decodeIndices(head?.vo, layout.headDim, `${what}, head ${h}, vo`),
    })),
    mlp: decodeIndices(mlp, layout.intermediate, `${what}, mlp`),
  };
}

function damaged(what: string, expected: string): EngineError {
  return new EngineError('decode', {
    what,
    expected,
    found: 'something else',
    sentence: `${what} does not hold ${expected}, as the model has.`,
    action: 'The file was not written by Subnet Studio; restore it or start a new run.',
  });
}
