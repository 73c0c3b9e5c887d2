import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { candidateKeys, readCandidate } from '../../src/engine/runs/candidateStore.ts';
import { readManifest, readResults } from '../../src/engine/runs/runLayout.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';

/** What of a finished run must not depend on when it was stopped, by name. */
export type Artefacts = Readonly<Record<string, unknown>>;

/** Exports whose bytes hold neither a time nor a name of the run. */
const EXPORTS = [
  'export/reformed.safetensors',
  'export/checkpoint/config.json',
  'export/checkpoint/model.safetensors',
  'export/checkpoint/tokenizer.json',
  'export/onnx/model.onnx',
  'export/onnx/model.onnx.data',
];

/** Everything a finished run holds that must be the same in every run of its seed. */
export function artefactsOf(runFolder: string): Artefacts {
  // Killed before it dropped an old generation, a run may keep one more; only the last one counts.
  const last = inFolder(runFolder, 'checkpoint').slice(-1);
  const masks = inFolder(runFolder, 'masks').filter((name) => !name.endsWith('.bin'));
  const files = [...masks, ...last];
  const stages = ['scores.bin', 'reformed.safetensors', 'sparse.safetensors', 'sparsify.json'];
  const kept = stages.map((name) => join('stages', name));
  const all = [...files, ...kept, ...EXPORTS].filter((name) => existsSync(join(runFolder, name)));
  const figures = Object.entries(readResults(runFolder)!.figures).map(([name, figure]) => [
    name,
    figure === null
      ? null
      : { perplexity: figure.perplexity, params: figure.params, block: figure.blockParams },
  ]);
  return {
    ...Object.fromEntries(all.map((name) => [name, sha256(join(runFolder, name))])),
    subnet: subnetOf(runFolder),
    fits: readJson(join(runFolder, 'stages/reform.json')),
    evaluations: evaluationsOf(runFolder),
    candidates: candidatesOf(runFolder),
    figures: Object.fromEntries(figures) as unknown,
  };
}

/** The subnet config, less what tells of the run: its name, its times. */
function subnetOf(runFolder: string): unknown {
  const { provenance, ...rest } = readJson(join(runFolder, 'export/subnet.json')) as {
    readonly provenance: unknown;
  };
  assertObject(provenance);
  return rest;
}

/** Fitness by key: a stopped run may have written them in another order, but never other ones. */
function evaluationsOf(runFolder: string): unknown {
  const lines = readFileSync(join(runFolder, 'evaluations.jsonl'), 'utf8').trim().split('\n');
  return lines.filter((line) => line !== '').sort();
}

/** Masks by key: a run killed before it journalled one keeps it twice. */
function candidatesOf(runFolder: string): unknown {
  const layout = unitLayout(readManifest(runFolder).model!);
  const keys = [...new Set(candidateKeys(runFolder, layout))].sort();
  return keys.map((key) => [
    key,
    Buffer.from(readCandidate(runFolder, layout, key)!).toString('hex'),
  ]);
}

function inFolder(runFolder: string, name: string): string[] {
  const path = join(runFolder, name);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .sort()
    .map((file) => join(name, file));
}

function readJson(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
}

function assertObject(value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null) throw new TypeError('no provenance');
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
