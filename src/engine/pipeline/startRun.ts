import { createHash, randomUUID } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { makeFolderInside } from '../../files/insideFolder.ts';
import type { EngineContext, RunOutcome, RunOverrides } from '../../protocol/engineApi.ts';
import { isEngineError } from '../../protocol/errors.ts';
import { memoryError } from '../../protocol/memoryError.ts';
import { parseRunConfig } from '../../protocol/parseRunConfig.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { RUN_SCHEMA_VERSION } from '../../protocol/runRecord.ts';
import { contentHash } from '../checkpoint/contentHash.ts';
import { readConfigFile } from '../runs/configFile.ts';
import { companionHashes } from '../checkpoint/companions.ts';
import { type Checkpoint, openSource, type Source } from '../checkpoint/openCheckpoint.ts';
import { resolveConfig } from '../runs/resolveConfig.ts';
import { createRunFolder, type RunFolder } from '../runs/runFolder.ts';
import { runIdOf } from '../runs/runId.ts';
import { RUNS_ROOT } from '../runs/runLayout.ts';
import { modelSummaryOf } from '../subnet/modelSummary.ts';
import { TOKENIZER_CONFIG_FILE, TOKENIZER_FILE } from '../tokenizer/loadTokenizer.ts';
import { readTokenizerFile } from '../tokenizer/tokenizerFile.ts';
import { textHash } from './readText.ts';
import { RunContext } from './runContext.ts';
import { runStages } from './runStages.ts';
import { assertSparsityRuns } from './sparsityPlan.ts';
import { engineVersion, versions } from './versions.ts';

/**
 * Starts a run from a config file.
 * @param configPath  a *.subnet.jsonc file
 * @throws EngineError `config`, `checkpoint`, `tokenizer`, `text`, `disk` before anything is written; whatever
 *   ends the run afterwards, which its folder then tells too
 */
export async function startRun(
  configPath: string,
  context: EngineContext,
  overrides: RunOverrides = {},
): Promise<RunOutcome> {
  const path = resolve(configPath);
  const text = readConfigFile(path);
  const config = resolveConfig(parseRunConfig(text, path), path, overrides);
  const source = await openSource(config.model);
  assertSparsityRuns(config, source.shape);
  const hashes = {
    ...(await hashesOf(config, source, context.signal)),
    ...companionHashes(source.companions),
  };
  const createdMs = Date.now();
  const id = runIdOf(
    config.name,
    createdMs,
    hashOf(JSON.stringify(config) + createdMs + randomUUID()),
  );
  const folder = createRunFolder(overrides.out ?? makeFolderInside(dirname(path), RUNS_ROOT), {
    schemaVersion: RUN_SCHEMA_VERSION,
    id,
    name: config.name,
    createdMs,
    configPath: path,
    configText: text,
    config: { ...config },
    seeds: { run: config.seed },
    hashes,
    versions: versions(),
    device: null,
    model: modelSummaryOf(source.shape),
  });
  return runIn(folder, config, context, { source, resumed: false });
}

/**
 * Runs what is left of a run in its folder and records how it ended.
 * @param source  its model, as it was hashed
 * @throws EngineError whatever ends the run
 */
export async function runIn(
  folder: RunFolder,
  config: ResolvedConfig,
  context: EngineContext,
  { source, resumed }: { readonly source: Source; readonly resumed: boolean },
): Promise<RunOutcome> {
  let run: RunContext;
  try {
    run = new RunContext(folder, config, context);
  } catch (error) {
    folder.close();
    throw error;
  }
  try {
    run.tell({ kind: 'runStarted', id: folder.manifest.id, folder: folder.path, resumed });
    return await runStages(run, source, engineVersion);
  } catch (thrown) {
    const error = memoryError(thrown);
    tellEnd(run, error);
    throw error;
  } finally {
    run.close();
  }
}

/**
 * SHA-256 of every byte a run's figures depend on; a resumed run must find the same.
 * @throws EngineError `checkpoint`, `tokenizer`, `text`, `cancelled`
 */
export async function hashesOf(
  config: ResolvedConfig,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  return {
    text: textHash(config.text),
    ...(config.heldout === null ? {} : { heldout: textHash(config.heldout) }),
    tokenizer: tokenizerHash(checkpoint.folder),
    // Not the fingerprint, which is blind to the values of weights: a fine-tune would pass for it.
    model: await contentHash(checkpoint, signal),
  };
}

function tokenizerHash(folder: string): string {
  const files = [TOKENIZER_FILE, TOKENIZER_CONFIG_FILE];
  return hashOf(JSON.stringify(files.map((name) => readTokenizerFile(folder, name))));
}

/** Writing the end must not hide what ended the run, e.g. a full disk. */
function tellEnd(run: RunContext, error: unknown): void {
  try {
    if (isEngineError(error, 'cancelled')) run.tell({ kind: 'runStopped' });
    else {
      const message = error instanceof Error ? error.message : String(error);
      // Of a bug the log keeps where it happened; the event keeps what is fit for a screen.
      const stack = error instanceof Error && !isEngineError(error) ? error.stack : undefined;
      run.folder.log(`error: ${stack ?? message}`);
      run.tell({ kind: 'runFailed', code: isEngineError(error) ? error.code : 'bug', message });
    }
  } catch {
    // The error that is on its way to the user says more.
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
