import type { EngineContext, RunOutcome } from '../../protocol/engineApi.ts';
import { EngineError } from '../../protocol/errors.ts';
import { parseRunConfig } from '../../protocol/parseRunConfig.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { COMPANION_FILES, companionHashes } from '../checkpoint/companions.ts';
import { openSource, type Source } from '../checkpoint/openCheckpoint.ts';
import { readRunEvents } from '../runs/listRuns.ts';
import { resolveConfig } from '../runs/resolveConfig.ts';
import { RunFolder } from '../runs/runFolder.ts';
import { hashesOf, runIn } from './startRun.ts';
import { engineVersion } from './versions.ts';

/**
 * Continues a run that was stopped or killed; it ends with the same masks and figures as if it had
 * never been. A finished run is returned as it is.
 * @param runFolder  path of the run
 * @param device  another than the run is on; its results may then differ in the last digits
 * @throws EngineError `run` when it is no run, in use, or when its model, texts or engine changed
 */
export async function resumeRun(
  runFolder: string,
  context: EngineContext,
  device?: ResolvedConfig['device'],
): Promise<RunOutcome> {
  const folder = new RunFolder(runFolder);
  let config: ResolvedConfig;
  let source: Source;
  try {
    const results = folder.readResults();
    if (results !== undefined) {
      tellFinished(folder, context);
      folder.close();
      const { figures, exports, reforms = {} } = results;
      return { runFolder: folder.path, figures, exports, reforms };
    }
    const own = configOf(folder);
    config = device === undefined ? own : { ...own, device };
    source = await openSource(config.model);
    await expectUnchanged(folder, config, source, context.signal);
  } catch (error) {
    folder.close();
    throw error;
  }
  return runIn(folder, config, context, { source, resumed: true });
}

/** A process killed after it wrote the results and before it said so leaves that to us. */
function tellFinished(folder: RunFolder, context: EngineContext): void {
  const { events } = readRunEvents(folder.path);
  if (events.some(({ kind }) => kind === 'runFinished')) return;
  const started = events.findLast(({ kind }) => kind === 'runStarted');
  const ms = Math.max(0, (events.at(-1)?.timeMs ?? 0) - (started?.timeMs ?? 0));
  context.emit(folder.append({ kind: 'runFinished', ms }));
}

/**
 * The config of a run, worked out again from its text: the manifest's copy is for reading only. The
 * device is the one the run was last on, for another one rounds otherwise.
 */
export function configOf({ manifest, path }: RunFolder): ResolvedConfig {
  const { configText, configPath, config, name, seeds } = manifest;
  const device = (deviceOf(path) ?? config['device']) as ResolvedConfig['device'];
  const seed = seeds['run'];
  return resolveConfig(parseRunConfig(configText, configPath), configPath, {
    ...{ name, device },
    ...(seed === undefined ? {} : { seed }),
  });
}

/** The device a run chose last, if it came that far. */
function deviceOf(folder: string): string | undefined {
  const { events } = readRunEvents(folder);
  const last = events.findLast((event) => event.kind === 'deviceChosen');
  return last?.devices.find(({ chosen }) => chosen)?.device;
}

/**
 * Checks that what a run's figures and exports depend on is what it was when the run began.
 * @param source  its model; what is loaded from it later is what was checked
 * @throws EngineError `run` naming what changed; `checkpoint`, `tokenizer`, `text`, `cancelled`
 */
export async function expectUnchanged(
  { manifest, path }: RunFolder,
  config: ResolvedConfig,
  source: Source,
  signal: AbortSignal,
): Promise<void> {
  const now: Record<string, string> = {
    ...(await hashesOf(config, source, signal)),
    ...companionHashes(source.companions),
    engine: engineVersion,
  };
  const then: Record<string, string> = {
    ...manifest.hashes,
    engine: manifest.versions['engine'] ?? 'unknown',
  };
  // Runs of older versions did not record the files that exports take along.
  const recorded = COMPANION_FILES.some((name) => name in then);
  const names = new Set([...Object.keys(then), ...(recorded ? Object.keys(now) : [])]);
  const changed = [...names].filter((name) => then[name] !== now[name]);
  if (changed.length === 0) return;
  throw new EngineError('run', {
    what: path,
    expected: 'the model, texts and engine it was started with',
    found: `another ${changed.join(', ')}`,
    action: 'Put the old ones back, or start a new run.',
    sentence: `What the run in ${path} was started with has changed: ${changed.join(', ')}.`,
  });
}
