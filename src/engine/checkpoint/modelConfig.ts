import { explainNoConfig } from './folderContents.ts';
import { hasFile, readSmallFile } from './modelFolder.ts';
import { parseJsonObject } from './jsonObject.ts';
import { expectNoStandIn } from './standIn.ts';

/** The model's configuration. */
export const CONFIG_FILE = 'config.json';

/** Largest `config.json` of a source model, bytes; real ones have a few thousand. */
const MAX_CONFIG_BYTES = 4_000_000;

/** Largest one of our exports: the masks of the largest models take a few million. */
export const MAX_EXPORT_CONFIG_BYTES = 64_000_000;

/** A configuration and the bytes it was read from. */
export interface ModelConfig {
  readonly bytes: Uint8Array;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Reads the configuration of a model folder.
 *
 * @param folder    as `resolveFolder` gives it
 * @param mostBytes  a larger one is refused before anything is allocated
 * @throws EngineError `checkpoint`; where there is none, it says what the folder holds instead
 */
export async function readModelConfig(
  folder: string,
  mostBytes = MAX_CONFIG_BYTES,
): Promise<ModelConfig> {
  if (!(await hasFile(folder, CONFIG_FILE))) await explainNoConfig(folder);
  const bytes = await readSmallFile(folder, CONFIG_FILE, mostBytes);
  expectNoStandIn(bytes, CONFIG_FILE);
  return { bytes, config: parseJsonObject(bytes, CONFIG_FILE) };
}

/**
 * The model type of a configuration. Our own exports hide it from programs that would misread a
 * stock layout: those that do not know how maps are packed would give them random weights.
 */
export function stockTypeOf(config: Readonly<Record<string, unknown>>): unknown {
  const { subnet, model_type: type } = config;
  if (typeof subnet !== 'object' || subnet === null) return type;
  const { stock_model_type: stock } = subnet as Readonly<Record<string, unknown>>;
  return stock ?? type;
}
