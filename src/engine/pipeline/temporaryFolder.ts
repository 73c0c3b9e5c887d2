import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onDisk } from '../runs/atomicWrite.ts';
import { isLiving, type ProcessIdentity, startOf } from '../runs/processIdentity.ts';

const PREFIX = 'subnet-evaluate-';
const OWNER_FILE = 'owner.json';

/** Whose a temporary folder is. */
interface Owner extends ProcessIdentity {
  /** Where its process number counts; containers may share a temporary folder. */
  readonly namespace: string;
}

/**
 * Makes a folder for decoders in the system's temporary folder, and removes those that killed
 * processes have left there: they are as large as the models.
 * @returns  its path; the caller removes it
 * @throws EngineError `disk`
 */
export function makeTemporaryFolder(): string {
  const root = tmpdir();
  const namespace = processNamespace();
  removeAbandoned(root, namespace);
  const folder = onDisk(root, () => mkdtempSync(join(root, PREFIX)));
  const owner: Owner = { pid: process.pid, started: startOf(process.pid), namespace };
  try {
    onDisk(folder, () => {
      writeFileSync(join(folder, OWNER_FILE), JSON.stringify(owner));
    });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** What cannot be read or removed is left. */
function removeAbandoned(root: string, namespace: string): void {
  for (const name of entriesOf(root)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(root, name);
    try {
      if (!isOurs(folder)) continue;
      const owner = JSON.parse(readFileSync(join(folder, OWNER_FILE), 'utf8')) as Owner;
      if (owner.namespace !== namespace || isLiving(owner)) continue;
      rmSync(folder, { recursive: true, force: true });
    } catch {
      continue;
    }
  }
}

/** Nobody else can put anything into a folder that mkdtemp made for this user. */
function isOurs(folder: string): boolean {
  const facts = lstatSync(folder);
  return facts.isDirectory() && (process.getuid === undefined || facts.uid === process.getuid());
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return 'this machine';
  }
}
