import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import {
  readChecked,
  writeChecked,
  type Checked,
  type CheckedFormat,
} from '../../files/checkedJson.ts';
import { insideFolder, makeFolder, makeFolderInside } from '../../files/insideFolder.ts';
import { releaseQuietly } from '../../files/release.ts';
import {
  appendText,
  onDisk,
  removeTemporaries,
  replaceFile,
  replaceJson,
  underName,
} from '../../files/writeFile.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { RunEvent, RunEventBody } from '../../protocol/runEvent.ts';
import type { RunManifest, RunResults, StageName } from '../../protocol/runRecord.ts';
import { EvaluationJournal } from './evaluationJournal.ts';
import { latestGeneration, saveGeneration, type GenerationState } from './generationStore.ts';
import { JsonLinesFile, readJsonLines } from './jsonLines.ts';
import { MOST_JSON_BYTES, readManifest, readResults, readRunJson, runFiles } from './runLayout.ts';
import { LOCK, takeRunLock, type RunLock } from './runLock.ts';

/** Events after which the log is made to survive a power cut. */
const boundaries: ReadonlySet<RunEventBody['kind']> = new Set([
  'runStarted',
  'stageFinished',
  'generationFinished',
  'runFinished',
  'runFailed',
  'runStopped',
]);

/**
 * Makes the folder of a new run, whole or not at all.
 * @param root  folder of the runs; made when absent
 * @param manifest  its `id` becomes the folder's name
 * @param now  clock of the event log, milliseconds since 1970
 * @throws EngineError `run` when there is a run of that id, `disk`
 */
export function createRunFolder(
  root: string,
  manifest: RunManifest,
  now: () => number = Date.now,
): RunFolder {
  makeFolder(root);
  const folder = join(resolve(root), manifest.id);
  if (existsSync(folder) || manifest.id !== basename(folder)) {
    const isFree = manifest.id !== basename(folder);
    throw new EngineError('run', {
      what: folder,
      expected: 'a new name',
      sentence: isFree
        ? `The name of the run, ${JSON.stringify(manifest.id)}, cannot be the name of a folder.`
        : `There is a run in ${folder} already.`,
      found: 'a run of that name, or a name that is no file name',
      action: 'Give the run another name with --name.',
    });
  }
  removeDrafts(resolve(root));
  const name = `.${manifest.id}.${randomBytes(8).toString('hex')}.tmp`;
  const draft = join(resolve(root), name);
  underName(draft, folder, () => {
    try {
      makeFolderInside(resolve(root), name);
      replaceFile(join(draft, runFiles.config), manifest.configText);
      replaceJson(join(draft, runFiles.manifest), manifest);
      onDisk(draft, () => {
        renameSync(draft, folder);
      });
    } catch (error) {
      releaseQuietly(() => {
        rmSync(draft, { recursive: true, force: true });
      });
      throw error;
    }
  });
  return new RunFolder(folder, now);
}

/**
 * A run folder held for writing; one process at a time.
 *
 * Everything in it is either appended line by line or replaced whole, so it can be read, and the
 * run resumed, after a crash at any moment. Writing is synchronous: the order on disk is the order
 * of the calls.
 */
export class RunFolder {
  /** Absolute path. */
  readonly path: string;
  readonly manifest: RunManifest;
  /** Known fitness by subnet key. */
  readonly evaluations: EvaluationJournal;
  private readonly lock: RunLock;
  private readonly events: JsonLinesFile;
  private readonly now: () => number;
  private nextSeq: number;

  /**
   * Opens a run to continue it, and repairs what a crash has left.
   * @param path  the run folder
   * @throws EngineError `run` when it is no run, of a newer version, or in use; `decode`; `disk`
   */
  constructor(path: string, now: () => number = Date.now) {
    this.path = resolve(path);
    this.now = now;
    this.manifest = readManifest(this.path);
    this.lock = takeRunLock(this.path);
    try {
      sweepTemporaries(this.path);
      this.events = new JsonLinesFile(insideFolder(this.path, runFiles.events));
      this.nextSeq = nextSeqOf(this.events.path);
      this.evaluations = new EvaluationJournal(insideFolder(this.path, runFiles.evaluations));
    } catch (error) {
      this.lock.release();
      throw error;
    }
  }

  /**
   * Adds an event to the log.
   * @returns the event with its number and time, to be passed on
   * @throws EngineError `run` when the folder is gone or another process works in it; `disk`
   */
  append(body: RunEventBody): RunEvent {
    const isBoundary = boundaries.has(body.kind);
    if (isBoundary) this.lock.expectHeld();
    const event: RunEvent = { ...body, seq: this.nextSeq, timeMs: this.now() };
    this.events.append(event);
    this.nextSeq++;
    if (isBoundary) {
      this.evaluations.sync();
      this.events.sync();
    }
    return event;
  }

  /** Writes the search state after a generation. @param state  plain data, finite numbers */
  saveGeneration(generation: number, state: unknown): void {
    this.lock.expectHeld();
    this.evaluations.sync();
    saveGeneration(this.path, generation, state);
  }

  /** The newest whole generation, if any. */
  latestGeneration(): GenerationState | undefined {
    return latestGeneration(this.path);
  }

  /**
   * Marks a stage as done with its result; written last, after its {@link stageFile}s.
   * @param result  plain data, finite numbers
   */
  finishStage(stage: StageName, result: unknown): void {
    writeChecked(this.stageFile(`${stage}.json`), stageFormat(stage), result);
  }

  /**
   * Result of a stage: `whole` when it is done, `damaged` when what was kept is not what was written,
   * so that the stage has to be done again. Its shape is unchecked.
   */
  stageResult(stage: StageName): Checked {
    const path = insideFolder(this.path, join(runFiles.stages, `${stage}.json`));
    return readChecked(path, stageFormat(stage), MOST_JSON_BYTES);
  }

  /**
   * Where a stage puts a large binary result; its folder exists afterwards. Write it with
   * `replaceFile` or `replaceFileBy`.
   * @param name  e.g. `calibrate.safetensors`
   */
  stageFile(name: string): string {
    return this.file(join(runFiles.stages, name));
  }

  /** Writes masks under a name such as `searched`. @param value  plain data */
  writeMasks(name: string, value: unknown): void {
    replaceJson(this.file(join(runFiles.masks, `${name}.json`)), value);
  }

  /** Masks of that name, unchecked; undefined when there are none. */
  readMasks(name: string): unknown {
    return readRunJson(this.path, join(runFiles.masks, `${name}.json`));
  }

  writeResults(results: RunResults): void {
    replaceJson(this.file(runFiles.results), results);
  }

  readResults(): RunResults | undefined {
    return readResults(this.path);
  }

  /** Folder of the exports; exists afterwards. */
  exportFolder(): string {
    return this.folder(runFiles.export);
  }

  /**
   * Absolute path of a folder in the run folder; it exists afterwards.
   * @throws EngineError `run` for a link on the way, or when the run is no longer held; `disk`
   */
  folder(name: string): string {
    this.lock.expectHeld();
    return makeFolderInside(this.path, name);
  }

  /** Absolute path of a file in the run folder; its folder exists afterwards. Throws as {@link folder}. */
  file(name: string): string {
    this.lock.expectHeld();
    if (dirname(name) !== '.') makeFolderInside(this.path, dirname(name));
    return insideFolder(this.path, name);
  }

  /** Adds a line to log.txt. Never throws: a log must not end a run. */
  log(text: string): void {
    releaseQuietly(() => {
      const time = new Date(this.now()).toISOString();
      appendText(insideFolder(this.path, runFiles.log), `${time} ${text}\n`);
    });
  }

  /** Releases the folder. Nothing may be written afterwards. Never throws. */
  close(): void {
    this.events.close();
    this.evaluations.close();
    this.lock.release();
  }
}

function stageFormat(stage: StageName): CheckedFormat {
  return { field: 'result', head: { stage } };
}

/** One more than the highest number in the log. */
function nextSeqOf(path: string): number {
  let next = 0;
  for (const line of readJsonLines(path).lines) {
    // An event ends with its number and time, see `append`.
    const seq = Number(SEQ.exec(line)?.[1]);
    if (Number.isSafeInteger(seq)) next = Math.max(next, seq + 1);
  }
  return next;
}

const SEQ = /,"seq":(\d+),"timeMs":[^,]+\}$/;

/** What writers that were killed have left in a run folder that nobody else holds. */
function sweepTemporaries(folder: string): void {
  const { stages, masks, checkpoints } = runFiles;
  // Another process may just be asking for the lock.
  removeTemporaries(folder, (name) => name.startsWith(`.${LOCK}.`));
  for (const name of [stages, masks, checkpoints]) removeTemporaries(join(folder, name));
}

/** Drafts of run folders whose makers were killed. */
function removeDrafts(root: string): void {
  releaseQuietly(() => {
    for (const name of readdirSync(root)) {
      if (!DRAFT.test(name)) continue;
      const path = join(root, name);
      // A younger one may be a run that is just being made.
      if (Date.now() - lstatSync(path).mtimeMs < DRAFT_MS) continue;
      rmSync(path, { recursive: true, force: true });
    }
  });
}

const DRAFT = /^\..+\.[0-9a-f]{16}\.tmp$/;
const DRAFT_MS = 60_000;
