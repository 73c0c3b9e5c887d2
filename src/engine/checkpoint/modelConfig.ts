import { explainNoConfig } from './folderContents.ts';
import { hasFile, readSmallFile } from './modelFolder.ts';
import { parseJsonObject } from './jsonObject.ts';
import { expectNoStandIn } from './standIn.ts';

/** The model's configuration. */
export const CONFIG_FILE = 'config.json';

/** Largest one, bytes; most have a few thousand, but the masks of a large export of ours take millions. */
const MAX_CONFIG_BYTES = 64_000_000;

/** A configuration and the bytes it was read from. */
export interface ModelConfig {
  readonly bytes: Uint8Array;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Reads the configuration of a model folder.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint`; where there is none, it says what the folder holds instead
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  if (!(await hasFile(folder, CONFIG_FILE))) await explainNoConfig(folder);
  const bytes = await readSmallFile(folder, CONFIG_FILE, MAX_CONFIG_BYTES);
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
