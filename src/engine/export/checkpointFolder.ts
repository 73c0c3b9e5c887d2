import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/insideFolder.ts';
import { removeFile, replaceFile } from '../../files/writeFile.ts';
import { EngineError } from '../../protocol/errors.ts';
import { hasFile, readSmallFile } from '../checkpoint/modelFolder.ts';
import { CONFIG_FILE } from '../checkpoint/openCheckpoint.ts';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/safetensorsWriter.ts';
import { SINGLE_FILE } from '../checkpoint/tensorIndex.ts';
import type { ExportOptions } from './exportOnnx.ts';

/** Files of a model folder that go along with the weights; others are not copied. */
const COMPANION_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'generation_config.json',
] as const;

/** Largest companion file copied, bytes; the largest public tokenizers have about 40 MB. */
const MAX_COMPANION_BYTES = 256_000_000;

/** What a checkpoint folder is made of. */
export interface CheckpointFolder {
  readonly tensors: readonly TensorToWrite[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly readme: string;
  /** Small text files that programs read, by name, e.g. a torch module. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * Writes a Hugging Face folder: weights, the source's tokenizer, a README and config.json.
 *
 * config.json goes first and comes last, so a crash leaves no folder that looks whole but is not.
 * @param dir  made if needed; not the source's folder
 * @param source  folder of the source model
 * @returns  bytes of everything but the README
 * @throws EngineError `disk`, `numeric`, `cancelled`
 */
export async function writeCheckpointFolder(
  dir: string,
  source: string,
  { tensors, config, readme, files = {} }: CheckpointFolder,
  { dtype, signal }: Pick<ExportOptions, 'dtype' | 'signal'>,
): Promise<number> {
  makeFolder(dir);
  await refuseSource(dir, source);
  removeFile(join(dir, CONFIG_FILE));
  let bytes = await writeSafetensors(join(dir, SINGLE_FILE), tensors, { dtype, signal });
  bytes += await copyCompanions(source, dir);
  for (const [name, text] of Object.entries(files)) bytes += written(dir, name, text);
  replaceFile(join(dir, 'README.md'), readme);
  return bytes + written(dir, CONFIG_FILE, `${JSON.stringify(config, null, 2)}\n`);
}

async function copyCompanions(from: string, to: string): Promise<number> {
  let bytes = 0;
  for (const name of COMPANION_FILES) {
    if (!(await hasFile(from, name))) continue;
    bytes += written(to, name, await readSmallFile(from, name, MAX_COMPANION_BYTES));
  }
  return bytes;
}

function written(dir: string, name: string, data: string | Uint8Array): number {
  replaceFile(join(dir, name), data);
  return Buffer.byteLength(data);
}

async function refuseSource(dir: string, folder: string): Promise<void> {
  if ((await realpath(dir)) !== folder) return;
  throw new EngineError('disk', {
    what: `Export folder ${dir}`,
    expected: 'another folder than the source model',
    found: 'the source model itself',
    action: 'Choose a new folder; the source model is never written to.',
  });
}
