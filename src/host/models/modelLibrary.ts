import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { onSetting, setContext, setting } from '../settings.ts';
import { cachedModels, hubCacheFolder } from './hubCache.ts';
import { ModelReadings, type ModelReading } from './modelReading.ts';

/** A model folder that was found. */
export interface FoundModel {
  readonly folder: string;
  /** What a person calls it: `owner/name` of the Hub, or the folder's name. */
  readonly name: string;
  readonly source: 'workspace' | 'cache' | 'folder';
  readonly reading: ModelReading;
}

/** Files of that name that are looked at in a workspace. */
const MOST_CONFIGS = 400;
/** Models of all sources that are read. */
const MOST_MODELS = 500;
/** Folders that hold no models of the user's: exports of ours, other programs' parts. */
const NOT_IN = '**/{node_modules,.git,.subnet,.venv,venv,site-packages,.vscode-test}/**';

/**
 * The models this machine has: in the workspace, in Hugging Face caches, in folders the user named.
 * They are looked for when first asked for, and again when something says they changed.
 */
export class ModelLibrary implements vscode.Disposable {
  private readonly readings = new ModelReadings();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[] = [];
  private listing: Promise<readonly FoundModel[]> | undefined;

  readonly onDidChange = this.changed.event;

  constructor() {
    const watcher = vscode.workspace.createFileSystemWatcher(
      '**/*.safetensors',
      false,
      true,
      false,
    );
    const refresh = (): void => this.refresh();
    this.subscriptions.push(
      watcher,
      watcher.onDidCreate(refresh),
      watcher.onDidDelete(refresh),
      onSetting('modelFolders', refresh),
      onSetting('cacheFolders', refresh),
      vscode.workspace.onDidChangeWorkspaceFolders(refresh),
    );
  }

  /** All models: readable ones first, each group by name. */
  list(): Promise<readonly FoundModel[]> {
    this.listing ??= this.search();
    return this.listing;
  }

  /** Reads the headers of one folder, or what is known of it. */
  read(folder: string): Promise<ModelReading> {
    return this.readings.read(folder);
  }

  /** Looks again when next asked. */
  refresh(): void {
    this.listing = undefined;
    this.changed.fire();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.changed.dispose();
  }

  private async search(): Promise<readonly FoundModel[]> {
    const places = new Map<string, Omit<FoundModel, 'reading'>>();
    const lists = await Promise.all([workspaceModels(), namedModels(), hubModels()]);
    for (const place of lists.flat()) {
      if (!places.has(place.folder) && places.size < MOST_MODELS) places.set(place.folder, place);
    }
    const models: FoundModel[] = [];
    for (const place of places.values()) {
      models.push({ ...place, reading: await this.readings.read(place.folder) });
    }
    setContext('noModel', !models.some(({ reading }) => reading.kind === 'model'));
    return models.sort(byUse);
  }
}

type Place = Omit<FoundModel, 'reading'>;

async function workspaceModels(): Promise<readonly Place[]> {
  const configs = await vscode.workspace.findFiles('**/config.json', NOT_IN, MOST_CONFIGS);
  const folders = configs
    .filter(({ scheme }) => scheme === 'file')
    .map(({ fsPath }) => dirname(fsPath));
  return placesOf(folders, 'workspace');
}

/** The folders of the setting, or their sub-folders. */
async function namedModels(): Promise<readonly Place[]> {
  const folders: string[] = [];
  for (const folder of setting('modelFolders')) {
    const names = await readdir(folder, { withFileTypes: true }).catch(() => []);
    const inside = names.filter((entry) => entry.isDirectory()).slice(0, MOST_MODELS);
    folders.push(folder, ...inside.map(({ name }) => join(folder, name)));
  }
  return placesOf(folders, 'folder');
}

async function hubModels(): Promise<readonly Place[]> {
  const caches = [hubCacheFolder(process.env), ...setting('cacheFolders')];
  const found = (await Promise.all(caches.map(cachedModels))).flat();
  const places: Place[] = [];
  for (const { name, folder } of found) {
    // The cache also holds tokenizers, data sets' cards and models of other formats.
    if (await holdsWeights(folder)) places.push({ name, folder, source: 'cache' });
  }
  return places;
}

async function placesOf(
  folders: readonly string[],
  source: FoundModel['source'],
): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (const folder of folders) {
    if (await holdsWeights(folder)) places.push({ folder, source, name: basename(folder) });
  }
  return places;
}

/** True for a folder with a configuration and safetensors beside it. */
async function holdsWeights(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.includes('config.json') && names.some((name) => name.endsWith('.safetensors'));
}

function byUse(a: FoundModel, b: FoundModel): number {
  const rank = ({ reading }: FoundModel): number => (reading.kind === 'model' ? 0 : 1);
  return rank(a) - rank(b) || a.name.localeCompare(b.name);
}
