import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { unitLayout } from '../../protocol/unitLayout.ts';
import { isLevelState } from './levelSearch.ts';
import { blockOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { readCandidate } from '../runs/candidateStore.ts';
import { latestGeneration } from '../runs/generationStore.ts';
import { readRunJson, runFiles } from '../runs/runLayout.ts';
import { decodeState } from '../search/state.ts';
import { decodeLayer, decodeSubnet } from '../subnet/encode.ts';
import { subnetKey } from '../subnet/key.ts';
import { assertLegal } from '../subnet/legal.ts';
import { modelSummaryOf } from '../subnet/modelSummary.ts';
import { unpackSubnet } from '../subnet/pack.ts';
import { emptyMask, type Subnet } from '../model/subnet.ts';

/**
 * A subnet of a run by its key: a judged candidate, one of the run's named subnets, or a survivor of
 * its last generation.
 * @param folder  the run folder
 * @returns undefined when the run keeps no masks of that key
 * @throws EngineError `decode` or `shape` for damaged masks, `disk`
 */
export function keptSubnet(folder: string, shape: ModelShape, key: string): Subnet | undefined {
  return candidate(folder, shape, key) ?? named(folder, shape, key) ?? survivor(folder, shape, key);
}

function candidate(folder: string, shape: ModelShape, key: string): Subnet | undefined {
  const layout = unitLayout(modelSummaryOf(shape));
  const bits = readCandidate(folder, layout, key);
  if (bits === undefined) return undefined;
  const subnet = unpackSubnet(layout, bits);
  assertLegal(shape, subnet);
  // A damaged file must not pass another subnet off as this one; other places may have it.
  return subnetKey(subnet) === key ? subnet : undefined;
}

function named(folder: string, shape: ModelShape, key: string): Subnet | undefined {
  for (const name of maskFiles(folder)) {
    const subnet = decodeSubnet(shape, readRunJson(folder, name), name);
    if (subnetKey(subnet) === key) return subnet;
  }
  return undefined;
}

function maskFiles(folder: string): string[] {
  try {
    return readdirSync(join(folder, runFiles.masks))
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(runFiles.masks, name));
  } catch {
    return [];
  }
}

/** A run of the first version keeps no candidates, but the search's state has its best. */
function survivor(folder: string, shape: ModelShape, key: string): Subnet | undefined {
  const saved = latestGeneration(folder);
  // A search of levels keeps no masks in its state; they are among the candidates.
  if (saved === undefined || isLevelState(saved.state)) return undefined;
  const found = decodeState(saved.state).survivors.find((one) => one.key === key);
  if (found === undefined) return undefined;
  const { dropped, layers } = found.genome;
  const gone = new Set(dropped);
  const subnet = {
    layers: layers.map((layer, l) =>
      gone.has(l)
        ? emptyMask(shape.kvHeads)
        : decodeLayer(blockOf(shape, l), layer, `survivor.layers[${l}]`),
    ),
  };
  assertLegal(shape, subnet);
  return subnet;
}
