import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import { type TinyOptions, writeTinyModel } from '../fixtures/tinyModel.ts';

/** Files of a run that takes a second. */
export interface TinyRun {
  readonly folder: string;
  readonly config: string;
  readonly model: string;
  readonly text: string;
  /** Folder the runs are put into. */
  readonly runs: string;
}

/** What a tiny run differs in; sections are laid over {@link TINY_CONFIG}'s. */
export type TinyChanges = { -readonly [Key in keyof RunConfig]?: RunConfig[Key] };

/** Every stage, each as small as it can be and still do something. */
export const TINY_CONFIG = {
  model: 'model',
  ratio: 0.6,
  text: 'text.txt',
  device: 'cpu',
  threads: 1,
  calibration: { windows: 24, length: 32 },
  search: {
    preset: 'quick',
    // A random model knows nothing of the text: its loss says nothing of a reform.
    fitness: 'kl',
    windows: 4,
    length: 32,
    population: 6,
    top: 2,
    generations: 3,
    mutations: 3,
    crossovers: 2,
    patience: 0,
    ranges: { attention: [0.25, 1, 0.05], mlp: [0.25, 1, 0.05], depth: [1, 1] },
  },
  evaluation: { context: 32, maxWindows: 12 },
} as const satisfies RunConfig;

/** What of it the method "levels" reads of the search. */
const TINY_LEVELS = {
  ...{ fitness: 'kl', windows: 8, length: 32, population: 4, generations: 3 },
} as const satisfies RunConfig['search'];

/**
 * Writes a tiny random model, a text and a config.
 * @param folder  made when absent
 */
export async function writeTinyRun(
  folder: string,
  changes: TinyChanges = {},
  options: TinyOptions = {},
): Promise<TinyRun> {
  mkdirSync(folder, { recursive: true });
  const paths = {
    folder,
    config: join(folder, 'tiny.subnet.jsonc'),
    model: join(folder, 'model'),
    text: join(folder, 'text.txt'),
    runs: join(folder, '.subnet', 'runs'),
  };
  await writeTinyModel(paths.model, { layers: 3, ...options });
  writeFileSync(paths.text, tinyText(1));
  writeConfig(paths.config, changes);
  return paths;
}

/** Replaces the config of a tiny run. */
export function writeConfig(path: string, changes: TinyChanges = {}): void {
  const { search, ...rest } = changes;
  const base = changes.method === 'levels' ? TINY_LEVELS : TINY_CONFIG.search;
  const config = { ...TINY_CONFIG, ...rest, search: { ...base, ...search } };
  writeFileSync(path, JSON.stringify(config, null, 2));
}

/** Some thousand tokens of words that the tiny tokenizer knows. */
export function tinyText(seed: number): string {
  const rng = rngFor(seed, 'text');
  const words = ['the', 'hen', 'an', 'inn', 'tin', 'on', 'a', 'hat', 'in', 'then', 'ate', 'her'];
  const word = (): string => words[Math.floor(rng.uniform() * words.length)]!;
  const sentence = (): string => `${Array.from({ length: 6 }, word).join(' ')}.`;
  return Array.from({ length: 220 }, sentence).join('\n');
}
