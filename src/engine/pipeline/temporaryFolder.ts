import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { readPlainText } from '../../files/plainFile.ts';
import { releaseQuietly } from '../../files/release.ts';
import { onDisk, replaceJson } from '../../files/writeFile.ts';
import { decodeJson } from '../../protocol/decode.ts';
import { isLiving, processSpace, startOf } from '../runs/processIdentity.ts';

const PREFIX = 'subnet-evaluate-';
const OWNER_FILE = 'owner.json';
/** A record of an owner takes some 200 bytes. */
const MOST_BYTES = 4096;

/** Whose a temporary folder is. */
const ownerSchema = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  started: Type.Union([Type.String(), Type.Null()]),
  /** Where its process number counts; containers may share a temporary folder. */
  space: Type.String(),
});
type Owner = Static<typeof ownerSchema>;

/**
 * Makes a folder for decoders in the system's temporary folder, and removes those that killed
 * processes have left there: they are as large as the models.
 * @returns  its path; the caller removes it
 * @throws EngineError `disk`
 */
export function makeTemporaryFolder(): string {
  const root = tmpdir();
  removeAbandoned(root);
  const folder = onDisk(root, () => mkdtempSync(join(root, PREFIX)));
  try {
    const owner: Owner = {
      pid: process.pid,
      started: startOf(process.pid),
      space: processSpace(),
    };
    replaceJson(join(folder, OWNER_FILE), owner);
  } catch (error) {
    releaseQuietly(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    throw error;
  }
  return folder;
}

/** What cannot be read or removed is left. */
function removeAbandoned(root: string): void {
  releaseQuietly(() => {
    for (const name of readdirSync(root)) {
      if (!name.startsWith(PREFIX)) continue;
      const folder = join(root, name);
      releaseQuietly(() => {
        if (isOurs(folder) && isAbandoned(folder)) rmSync(folder, { recursive: true, force: true });
      });
    }
  });
}

/** Nobody else can put anything into a folder that mkdtemp made for this user. */
function isOurs(folder: string): boolean {
  const facts = lstatSync(folder);
  return facts.isDirectory() && (process.getuid === undefined || facts.uid === process.getuid());
}

/** A folder without a record may be one that is just being made. */
function isAbandoned(folder: string): boolean {
  const path = join(folder, OWNER_FILE);
  const text = readPlainText(path, { links: 'refused', mostBytes: MOST_BYTES });
  if (text === undefined) return false;
  const owner = decodeJson(ownerSchema, text, path);
  return owner.space === processSpace() && !isLiving(owner);
}
