import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as Type from 'typebox';
import { insideFolder } from '../../files/insideFolder.ts';
import { readPlainText } from '../../files/plainFile.ts';
import { decodeValue, parseJson } from '../../protocol/decode.ts';
import { EngineError } from '../../protocol/errors.ts';
import {
  allFigures,
  RUN_SCHEMA_VERSION,
  runManifestSchema,
  runResultsSchema,
  type RunManifest,
  type RunResults,
} from '../../protocol/runRecord.ts';
import { unitLayout } from '../../protocol/unitLayout.ts';

/** Names of the things in a run folder. */
export const runFiles = {
  manifest: 'manifest.json',
  config: 'config.jsonc',
  events: 'events.jsonl',
  evaluations: 'evaluations.jsonl',
  checkpoints: 'checkpoint',
  masks: 'masks',
  stages: 'stages',
  results: 'results.json',
  export: 'export',
  log: 'log.txt',
} as const;

/** Largest JSON file of a run that is read, bytes: far above masks of a 70-billion model. */
export const MOST_JSON_BYTES = 512 * 1024 * 1024;

/** Largest manifest or list of results; a config has at most a quarter of that, figures far less. */
const MOST_RECORD_BYTES = 4_000_000;

/** Where runs of a config live: `.subnet/runs` in its folder. */
export function runsRootOf(configDir: string): string {
  return join(configDir, RUNS_ROOT);
}

/** Path of that folder from the folder of the configs. */
export const RUNS_ROOT = join('.subnet', 'runs');

/**
 * Reads the manifest of a run.
 * @throws EngineError `run` for a folder that is no run or of a newer version, `decode` for a
 *   damaged manifest, `disk`
 */
export function readManifest(folder: string): RunManifest {
  const path = resolve(folder);
  if (!existsSync(join(path, runFiles.manifest))) {
    throw new EngineError('run', {
      what: path,
      expected: 'a run folder, which holds manifest.json',
      found: existsSync(path) ? 'a folder without it' : 'no such folder',
      action: 'List the runs with "subnet runs", and give the folder of one.',
      sentence: existsSync(path)
        ? `${path} is not a run folder: it holds no manifest.json.`
        : `There is no folder ${path}.`,
    });
  }
  const manifest = readOfRun(path, runFiles.manifest, runManifestSchema);
  // Its sizes are checked here, before anybody allocates by them.
  if (manifest.model !== undefined) unitLayout(manifest.model);
  return manifest;
}

/** Reads the results of a finished run; undefined while there are none. */
export function readResults(folder: string): RunResults | undefined {
  if (!existsSync(join(folder, runFiles.results))) return undefined;
  const read = readOfRun(folder, runFiles.results, runResultsSchema);
  return { ...read, figures: allFigures(read.figures) };
}

/**
 * Reads a JSON file of a run folder.
 * @param name  path in the folder
 * @param mostBytes  a larger file is refused before it is read
 * @returns the value, unchecked; undefined when there is no such file
 * @throws EngineError `run` for a link on the way, `decode`, `disk`
 */
export function readRunJson(folder: string, name: string, mostBytes = MOST_JSON_BYTES): unknown {
  const path = insideFolder(folder, name);
  const text = readPlainText(path, { links: 'refused', mostBytes });
  return text === undefined ? undefined : parseJson(text, path);
}

const versionSchema = Type.Object({ schemaVersion: Type.Integer({ minimum: 1 }) });

/**
 * The content of a JSON file that names its format, checked.
 * @param value  as read
 * @param what  path of the file, for errors
 * @param newest  what the file is of, and the newest format that is known
 * @throws EngineError `run` for a newer format, `decode` for a damaged file
 */
export function ofKnownFormat<S extends Type.TSchema>(
  value: unknown,
  what: string,
  schema: S,
  newest: { readonly noun: string; readonly format: number },
): Type.Static<S> {
  const { noun, format } = newest;
  const { schemaVersion } = decodeValue(versionSchema, value, what);
  if (schemaVersion > format) {
    throw new EngineError('run', {
      what,
      expected: `a ${noun} of format ${format} or older`,
      found: `format ${schemaVersion}, written by a newer version`,
      action: `Update Subnet Studio to open this ${noun}.`,
      sentence: `A newer version of Subnet Studio wrote ${what} (format ${schemaVersion}; this version reads up to ${format}).`,
    });
  }
  return decodeValue(schema, value, what);
}

function readOfRun<S extends typeof runManifestSchema | typeof runResultsSchema>(
  folder: string,
  name: string,
  schema: S,
): Type.Static<S> {
  const newest = { noun: 'run', format: RUN_SCHEMA_VERSION };
  const value = readRunJson(folder, name, MOST_RECORD_BYTES);
  return ofKnownFormat(value, join(folder, name), schema, newest);
}
