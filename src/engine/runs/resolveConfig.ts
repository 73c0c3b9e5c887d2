import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fillDefaults } from '../../protocol/configDefaults.ts';
import type { RunOverrides } from '../../protocol/engineApi.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { ResolvedConfig, RunConfig } from '../../protocol/runConfig.ts';

/**
 * The config with every value present and every path absolute.
 * @param config  as parsed
 * @param configPath  absolute path of its file; paths in it are relative to its folder
 * @param overrides  values that win over those of the file
 */
export function resolveConfig(
  config: RunConfig,
  configPath: string,
  overrides: RunOverrides = {},
): ResolvedConfig {
  const at = (path: string): string => resolve(dirname(configPath), expandHome(path));
  const full = fillDefaults(config);
  return {
    ...full,
    model: at(full.model),
    text: at(full.text),
    heldout: full.heldout === null ? null : at(full.heldout),
    compare: {
      ...full.compare,
      shifted: full.compare.shifted === null ? null : at(full.compare.shifted),
    },
    name: overrides.name ?? full.name ?? nameOf(configPath),
    seed: overrides.seed ?? full.seed,
    device: overrides.device ?? full.device,
  };
}

/** `llama.subnet.jsonc` → `llama`. */
function nameOf(configPath: string): string {
  const base = basename(configPath).replace(/(\.subnet)?\.jsonc?$/i, '');
  return base === '' ? 'run' : base.slice(0, 60);
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homeFolder(path), path.slice(1)) : path;
}

/** The user's home; a container may run a user that has none. */
function homeFolder(path: string): string {
  let home = '';
  try {
    home = homedir();
  } catch {
    // The system knows no such user; as with an empty HOME, there is none.
  }
  if (home !== '') return home;
  throw new EngineError('config', {
    what: `The path ${JSON.stringify(path)}`,
    expected: 'a home folder, which "~" stands for',
    found: 'a user without one',
    action: 'Write the whole path, or set HOME.',
    sentence: `The path ${JSON.stringify(path)} begins with "~", but this user has no home folder.`,
  });
}
