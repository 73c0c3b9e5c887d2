import * as vscode from 'vscode';

/** What a command is asked to work on; every part may be absent. */
export interface Target {
  /** Folder of a run. */
  readonly run?: string;
  /** Key of one of its subnets. */
  readonly subnet?: string;
  /** A run config. */
  readonly config?: vscode.Uri;
  /** Id of a queued job. */
  readonly job?: string;
  /** An exported file. */
  readonly file?: string;
  /** A comparison of methods, by its id. */
  readonly comparison?: string;
}

/**
 * What the arguments of a command mean: a row of a tree and the selected rows, a file of the explorer
 * or of an editor, a plain object of another command; nothing when it was called bare.
 */
export function targetsOf(args: readonly unknown[]): Target[] {
  const [first, second] = args;
  if (Array.isArray(second) && second.length > 1) {
    const many = second.flatMap((one) => targetOf(one) ?? []);
    // Some menus pass the selection without the row that was clicked.
    if (many.length > 1) return many;
  }
  const one = targetOf(first);
  return one === undefined ? [] : [one];
}

function targetOf(value: unknown): Target | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (value instanceof vscode.Uri) return { config: value };
  if ('target' in value) return targetOf(value.target);
  const { run, subnet, config, job, file, comparison } = value as Record<string, unknown>;
  const target = {
    ...(typeof run === 'string' ? { run } : {}),
    ...(typeof subnet === 'string' && /^[0-9a-f]{16}$/.test(subnet) ? { subnet } : {}),
    ...(config instanceof vscode.Uri ? { config } : {}),
    ...(typeof config === 'string' ? { config: vscode.Uri.file(config) } : {}),
    ...(typeof job === 'string' ? { job } : {}),
    ...(typeof file === 'string' ? { file } : {}),
    ...(typeof comparison === 'string' ? { comparison } : {}),
  };
  return Object.keys(target).length === 0 ? undefined : target;
}
