import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/insideFolder.ts';
import { removeFile, replaceFile } from '../../files/writeFile.ts';
import { EngineError } from '../../protocol/errors.ts';
import { COMPANION_FILES } from '../checkpoint/companions.ts';
import { CONFIG_FILE } from '../checkpoint/modelConfig.ts';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/safetensorsWriter.ts';
import { SINGLE_FILE } from '../checkpoint/tensorIndex.ts';
import type { ExportOptions } from './exportOnnx.ts';
import { MODELING_FILE } from './modelingSubnet.ts';

/** What a checkpoint folder is made of. */
export interface CheckpointFolder {
  readonly tensors: readonly TensorToWrite[];
  /** The text of config.json. */
  readonly config: string;
  readonly readme: string;
  /** Small files that programs read: the tokenizer, settings, a torch module. */
  readonly files: readonly { readonly name: string; readonly data: string | Uint8Array }[];
}

/**
 * Writes a Hugging Face folder: weights, small files, a README and config.json.
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
  { tensors, config, readme, files }: CheckpointFolder,
  { dtype, signal }: Pick<ExportOptions, 'dtype' | 'signal'>,
): Promise<number> {
  makeFolder(dir);
  await refuseSource(dir, source);
  removeStale(dir, new Set(files.map(({ name }) => name)));
  let bytes = await writeSafetensors(join(dir, SINGLE_FILE), tensors, { dtype, signal });
  for (const { name, data } of files) bytes += written(dir, name, data);
  replaceFile(join(dir, 'README.md'), readme);
  return bytes + written(dir, CONFIG_FILE, config);
}

/** Removes what an earlier export to this folder has left and this one does not write. */
function removeStale(dir: string, written: ReadonlySet<string>): void {
  for (const name of [CONFIG_FILE, MODELING_FILE, ...COMPANION_FILES]) {
    if (!written.has(name)) removeFile(join(dir, name));
  }
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
    sentence: `The export folder ${dir} is the folder of the source model.`,
  });
}
