import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { runsRootOf } from '../../engine/runs/runLayout.ts';

const CONFIGS = '**/*.subnet.jsonc';
const MANIFESTS = '**/.subnet/runs/*/manifest.json';
const LOGS = '**/.subnet/runs/*/events.jsonl';
/** Where comparisons of methods keep their tables. */
export const COMPARISONS = '**/.subnet/compare/*/comparison.json';
const SKIPPED = '**/{node_modules,.git}/**';
/** Files looked at; a workspace with more shows the first of them. */
const MOST_FILES = 5000;

/** What a change of a file in the workspace may mean. */
export interface RootListener {
  /** Configs or runs came or went. */
  readonly onShape: () => void;
  /** That run has something new. */
  readonly onRun: (folder: string) => void;
}

/**
 * Where runs are: below every folder of the workspace that has a config or already has runs. Looked
 * for by the editor's own search, so that no walk of a disk is ours.
 */
export class RunRoots implements vscode.Disposable {
  private readonly extra = new Set<string>();
  private readonly watchers: vscode.Disposable[] = [];
  private readonly searched = new vscode.EventEmitter<void>();
  private found: { readonly configs: readonly vscode.Uri[]; readonly roots: readonly string[] } = {
    configs: [],
    roots: [],
  };

  /** {@link roots} may have changed, or what is in them. */
  readonly onDidSearch = this.searched.event;

  /** Run configs of the workspace, by path. */
  get configs(): readonly vscode.Uri[] {
    return this.found.configs;
  }

  /** Folders that hold, or may come to hold, run folders. */
  get roots(): readonly string[] {
    return [...new Set([...this.found.roots, ...this.extra])];
  }

  /** True for a path of the workspace, or below a folder that was added to it. */
  holds(path: string): boolean {
    const inWorkspace = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path)) !== undefined;
    const homes = [...this.extra].map((root) => dirname(dirname(root)));
    return inWorkspace || homes.some((home) => path.startsWith(home));
  }

  /** Adds the runs of a folder outside the workspace. @returns whether it is new */
  add(configFolder: string): boolean {
    const root = runsRootOf(configFolder);
    if (this.roots.includes(root)) return false;
    this.extra.add(root);
    this.searched.fire();
    return true;
  }

  /** Looks through the workspace again. */
  async search(): Promise<void> {
    const find = (glob: string): Thenable<vscode.Uri[]> =>
      vscode.workspace.findFiles(glob, SKIPPED, MOST_FILES);
    const globs = [CONFIGS, MANIFESTS, COMPARISONS];
    const [configs = [], manifests = [], tables = []] = await Promise.all(globs.map(find));
    const onDisk = (uri: vscode.Uri): boolean => uri.scheme === 'file';
    const roots = [
      ...configs.filter(onDisk).map((uri) => runsRootOf(dirname(uri.fsPath))),
      ...manifests.filter(onDisk).map((uri) => dirname(dirname(uri.fsPath))),
      ...tables.filter(onDisk).map((uri) => runsRootOf(join(uri.fsPath, '..', '..', '..', '..'))),
    ];
    this.found = {
      configs: configs.sort((a, b) => (a.path < b.path ? -1 : 1)),
      roots: [...new Set(roots)].sort(),
    };
    this.searched.fire();
  }

  /** Tells of changes until disposed. */
  watch({ onShape, onRun }: RootListener): void {
    const shapes = [CONFIGS, MANIFESTS].map((glob) =>
      vscode.workspace.createFileSystemWatcher(glob, false, glob === CONFIGS, false),
    );
    for (const watcher of shapes) {
      watcher.onDidCreate(onShape);
      watcher.onDidDelete(onShape);
      watcher.onDidChange(onShape);
    }
    const logs = vscode.workspace.createFileSystemWatcher(LOGS);
    const tell = (uri: vscode.Uri): void => onRun(dirname(uri.fsPath));
    logs.onDidChange(tell);
    logs.onDidCreate(tell);
    const folders = vscode.workspace.onDidChangeWorkspaceFolders(onShape);
    this.watchers.push(...shapes, logs, folders);
  }

  dispose(): void {
    for (const watcher of this.watchers) watcher.dispose();
    this.searched.dispose();
  }
}

/** Name of the workspace folder that holds a path, else of the folder above `.subnet`. */
export function homeOf(path: string): string {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path));
  if (folder !== undefined) return folder.name;
  const parts = path.split(/[\\/]/);
  const at = parts.lastIndexOf('.subnet');
  return parts[(at < 0 ? parts.length - 1 : at) - 1] ?? join(path);
}
