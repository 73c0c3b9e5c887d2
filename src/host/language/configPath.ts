import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import * as vscode from 'vscode';

/** True for a run config that is being edited; old versions shown by source control are none. */
export function isConfig({ uri }: Pick<vscode.TextDocument, 'uri'>): boolean {
  return uri.path.endsWith('.subnet.jsonc') && uri.scheme !== 'git';
}

/** The folder that paths of a config start from; undefined when it is on no disk yet. */
export function configFolder(uri: vscode.Uri): string | undefined {
  return uri.scheme === 'file' ? dirname(uri.fsPath) : undefined;
}

/** What a path of a config means, as the engine reads it. */
export function resolvePath(folder: string, path: string): string {
  const home = path === '~' || path.startsWith('~/');
  return resolve(folder, home ? join(homedir(), path.slice(1)) : path);
}

/**
 * How a config names a file or folder: relative to itself inside its workspace folder, else from the
 * home folder, else absolute. Slashes go forward, which works everywhere.
 */
export function writtenPath(folder: string, target: string): string {
  const forward = (path: string): string => path.split(sep).join('/');
  const workspace = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder));
  const root = workspace?.uri.scheme === 'file' ? workspace.uri.fsPath : folder;
  if (isInside(root, target)) {
    const path = forward(relative(folder, target));
    return path.startsWith('.') ? path : `./${path}`;
  }
  const home = homedir();
  return isInside(home, target) ? `~/${forward(relative(home, target))}` : forward(target);
}

/** True when a path is that folder or lies in it. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (!way.startsWith('..') && !isAbsolute(way));
}
