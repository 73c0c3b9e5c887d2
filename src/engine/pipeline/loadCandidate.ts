import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EngineError, isEngineError } from '../../protocol/errors.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { checkpointNotes } from '../checkpoint/checkpointNotes.ts';
import { resolveFolder } from '../checkpoint/modelFolder.ts';
import { openSource } from '../checkpoint/openCheckpoint.ts';
import { type Storage, storageOf } from '../export/storage.ts';
import { loadCandidate, readSubnetConfig, type SubnetConfig } from '../export/subnetConfig.ts';
import { wholeOf } from './foundSubnet.ts';
import type { Candidate } from './measureFigures.ts';
import { textHash } from './readText.ts';
import { reformed } from './reformStage.ts';
import { sparsified } from './sparsifyStage.ts';
import { tokenizerHash } from './tokenizerHash.ts';
import { planTokens } from './tokenPlan.ts';
import { type Bench, type BenchContext, openWorkbench, type Workbench } from './workbench.ts';

/** A model to work on, whatever it was given as. */
export interface Loaded {
  readonly bench: Bench;
  readonly candidate: Candidate;
  /** The dense model: the candidate itself, or what it was made from. */
  readonly dense: Candidate;
  readonly storage: Storage;
  /** Fingerprint of the model folder. */
  readonly fingerprint: string;
  /** SHA-256, hex, of the tokenizer. */
  readonly tokenizerHash: string;
  /** What is odd about the source model. */
  readonly notes: readonly string[];
}

/** A subnet config with the source model it is made from. */
export interface LoadedSubnet {
  readonly bench: Workbench;
  readonly candidate: Candidate;
  readonly config: SubnetConfig;
}

/**
 * Loads a model folder, a sliced checkpoint or a subnet config.
 * @throws EngineError `checkpoint`, `decode`, `text`, `device`, `cancelled`
 */
export async function loadModel(
  path: string,
  device: ResolvedConfig['device'],
  context: BenchContext,
): Promise<Loaded> {
  const named = resolve(path);
  const isFile = (await kindOf(named)) === 'file' && named.endsWith('.json');
  const absolute = isFile ? named : await resolveFolder(named);
  const wish = { device, threads: 0 };
  if (isFile) {
    const { bench, candidate } = await loadSubnet(absolute, device, context);
    const { checkpoint } = bench;
    return {
      bench,
      candidate,
      dense: wholeOf(bench.weights),
      storage: storageOf('source', checkpoint),
      fingerprint: checkpoint.fingerprint,
      notes: checkpointNotes(checkpoint),
      tokenizerHash: tokenizerHash(checkpoint.folder),
    };
  }
  const bench = await openWorkbench(await openSource(absolute), wish, context);
  const { checkpoint } = bench;
  const candidate = wholeOf(bench.weights);
  return {
    bench,
    candidate,
    dense: candidate,
    storage: storageOf('source', checkpoint),
    fingerprint: checkpoint.fingerprint,
    notes: checkpointNotes(checkpoint),
    tokenizerHash: tokenizerHash(checkpoint.folder),
  };
}

/**
 * Loads a subnet config: its source model, its masks and its reformed weights.
 *
 * Where the file of reformed weights is gone they are computed again from the recorded settings and
 * text, which gives the same weights.
 * @param path  subnet.json
 * @throws EngineError as {@link loadModel}
 */
export async function loadSubnet(
  path: string,
  device: ResolvedConfig['device'],
  context: BenchContext,
): Promise<LoadedSubnet> {
  const config = readSubnetConfig(path);
  const source = await openSource(config.source.path);
  const bench = await openWorkbench(source, { device, threads: 0 }, context);
  try {
    return { bench, config, candidate: await candidateOf(path, config, bench, context.signal) };
  } catch (error) {
    await bench.release();
    throw error;
  }
}

async function candidateOf(
  path: string,
  config: SubnetConfig,
  bench: Workbench,
  signal: AbortSignal,
): Promise<Candidate> {
  const fingerprint = await bench.weights.key(signal);
  const load = (from: SubnetConfig): Promise<Candidate> =>
    loadCandidate(path, from, { fingerprint }, bench.weights, signal);
  if (config.reformed === null || (await exists(join(dirname(path), config.reformed.file)))) {
    return load(config);
  }
  const { subnet } = await load({ ...config, reformed: null });
  return { subnet, weights: await reformedAgain(path, config, { bench, subnet }, signal) };
}

function hashIfThere(text: string): string {
  try {
    return textHash(text);
  } catch (error) {
    if (isEngineError(error, 'text')) return 'no such text';
    throw error;
  }
}

function notMadeAgain(path: string): EngineError {
  return new EngineError('checkpoint', {
    what: `${path}: reformed weights`,
    expected: 'reformed.safetensors beside it',
    found: 'no such file',
    action: 'Put the file back, or export the subnet again from its run.',
    sentence: `The weights of ${path} are not beside it (reformed.safetensors). A subnet of levels cannot do without them: its value dimensions are not those of the source.`,
  });
}

/** Repeats the reformation and sparsification of a run from what its subnet config records. */
async function reformedAgain(
  path: string,
  config: SubnetConfig,
  { bench, subnet }: { readonly bench: Workbench; readonly subnet: Candidate['subnet'] },
  signal: AbortSignal,
): Promise<Candidate['weights']> {
  const settings = config.provenance.config as unknown as ResolvedConfig;
  if (config.subnet.values === 'rotated') throw notMadeAgain(path);
  const found = hashIfThere(settings.text);
  const wanted = config.reformed?.textSha256;
  if (found !== wanted) {
    throw new EngineError('checkpoint', {
      what: `${path}: reformed weights`,
      expected: `reformed.safetensors beside it, or ${settings.text} with SHA-256 ${wanted}`,
      found,
      action: 'Put the file or the calibration text back.',
      sentence: `The reformed weights of ${path} are not beside it (reformed.safetensors), and they cannot be computed again: the calibration text ${settings.text} is missing or has changed.`,
    });
  }
  const { shape } = bench.weights;
  const tokens = await planTokens(settings, shape, bench.tokenizer, signal);
  const weights =
    settings.reform.method === 'none'
      ? bench.weights
      : (
          await reformed(
            bench,
            { dense: bench.weights, weights: bench.weights, subnet },
            tokens.calibration,
            { config: settings, signal },
          )
        ).weights;
  if (config.reformed?.sparsify === undefined) return weights;
  const candidate = { weights, subnet };
  return (await sparsified(bench, candidate, tokens, { config: settings, signal })).weights;
}

async function kindOf(path: string): Promise<'folder' | 'file'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    throw new EngineError(
      'checkpoint',
      {
        what: path,
        expected: 'a model folder or a subnet.json',
        found: cause instanceof Error ? cause.message : String(cause),
        action: 'Check the path.',
        sentence: `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
      },
      { cause },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
