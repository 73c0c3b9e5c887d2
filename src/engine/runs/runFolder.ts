import { appendFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { decodeEventLines } from '../../protocol/decodeEvent.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { RunEvent, RunEventBody } from '../../protocol/runEvent.ts';
import type { RunManifest, RunResults, StageName } from '../../protocol/runRecord.ts';
import { makeFolder, onDisk, writeFileAtomic, writeJsonAtomic } from './atomicWrite.ts';
import { EvaluationJournal } from './evaluationJournal.ts';
import { latestGeneration, saveGeneration, type GenerationState } from './generationStore.ts';
import { insideFolder } from './insideFolder.ts';
import { JsonLinesFile, readJsonLines } from './jsonLines.ts';
import { readManifest, readResults, readRunJson, runFiles } from './runLayout.ts';
import { takeRunLock, type RunLock } from './runLock.ts';

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
    throw new EngineError('run', {
      what: folder,
      expected: 'a new name',
      found: 'a run of that name, or a name that is no file name',
      action: 'Give the run another name with --name.',
    });
  }
  const draft = join(resolve(root), `.${manifest.id}.${process.pid}.tmp`);
  onDisk(draft, () => {
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft);
  });
  try {
    writeFileAtomic(join(draft, runFiles.config), manifest.configText);
    writeJsonAtomic(join(draft, runFiles.manifest), manifest);
    onDisk(folder, () => {
      renameSync(draft, folder);
    });
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
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
   */
  append(body: RunEventBody): RunEvent {
    const event: RunEvent = { ...body, seq: this.nextSeq, timeMs: this.now() };
    this.events.append(event);
    this.nextSeq++;
    if (boundaries.has(body.kind)) {
      this.evaluations.sync();
      this.events.sync();
    }
    return event;
  }

  /** Writes the search state after a generation. @param state  plain data, finite numbers */
  saveGeneration(generation: number, state: unknown): void {
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
    makeFolder(join(this.path, runFiles.stages));
    this.writeJson(join(runFiles.stages, `${stage}.json`), { stage, result });
  }

  /** Result of a stage that is done; undefined when it is not. The value is unchecked. */
  stageResult(stage: StageName): { readonly result: unknown } | undefined {
    const value = readRunJson(this.path, join(runFiles.stages, `${stage}.json`));
    if (typeof value !== 'object' || value === null || !('result' in value)) return undefined;
    return { result: value.result };
  }

  /**
   * Where a stage puts a large binary result; its folder exists afterwards. Write it with
   * `writeFileAtomic`, or call `syncFile` before {@link finishStage}.
   * @param name  e.g. `calibrate.safetensors`
   */
  stageFile(name: string): string {
    return this.file(join(runFiles.stages, name));
  }

  /** Writes masks under a name such as `searched`. @param value  plain data */
  writeMasks(name: string, value: unknown): void {
    makeFolder(join(this.path, runFiles.masks));
    this.writeJson(join(runFiles.masks, `${name}.json`), value);
  }

  /** Masks of that name, unchecked; undefined when there are none. */
  readMasks(name: string): unknown {
    return readRunJson(this.path, join(runFiles.masks, `${name}.json`));
  }

  writeResults(results: RunResults): void {
    this.writeJson(runFiles.results, results);
  }

  readResults(): RunResults | undefined {
    return readResults(this.path);
  }

  /** Folder of the exports; exists afterwards. */
  exportFolder(): string {
    const folder = insideFolder(this.path, runFiles.export);
    makeFolder(folder);
    return folder;
  }

  /** Absolute path of something in the run folder; its folder exists afterwards. */
  file(name: string): string {
    const path = insideFolder(this.path, name);
    makeFolder(dirname(path));
    return path;
  }

  /** Adds a line to log.txt. Never throws: a log must not end a run. */
  log(text: string): void {
    try {
      const time = new Date(this.now()).toISOString();
      appendFileSync(insideFolder(this.path, runFiles.log), `${time} ${text}\n`);
    } catch {
      // The disk is full or gone; the next real write tells.
    }
  }

  /** Gives the folder free. Nothing may be written afterwards. */
  close(): void {
    this.events.close();
    this.evaluations.close();
    this.lock.release();
  }

  private writeJson(name: string, value: unknown): void {
    writeJsonAtomic(insideFolder(this.path, name), value);
  }
}

/** One more than the highest number in the log. */
function nextSeqOf(path: string): number {
  const { events } = decodeEventLines(readJsonLines(path).lines, path);
  return events.reduce((next, { seq }) => Math.max(next, seq + 1), 0);
}
