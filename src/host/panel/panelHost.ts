import type * as vscode from 'vscode';
import type { MessageConnection } from 'vscode-jsonrpc';
import type { RunChange } from '../../dashboard/reader/runReader.ts';
import {
  panelApi,
  type ConfigView,
  type PanelContent,
  type RunStanding,
} from '../../protocol/panelApi.ts';
import { panelParams, type PanelParams } from '../../protocol/panelParams.ts';
import type { Endpoint } from '../../protocol/postMessageConnection.ts';
import { notify, type Handlers } from '../../protocol/rpc.ts';
import { standingOf, type RunEntry } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { setting } from '../settings.ts';
import type { CanRun } from '../trust.ts';
import { checked, connectPage, expectProtocol } from './pageMessages.ts';
import { PanelRuns } from './panelRuns.ts';

/** The config file of a run, read and edited as the editor's document. */
export interface ConfigAccess {
  view(run: RunEntry): Promise<ConfigView>;
  edit(run: RunEntry, edit: PanelParams<'editConfig'>): Promise<ConfigView>;
  /** Calls back when the file of the run changes. */
  watch(run: RunEntry, listener: () => void): vscode.Disposable;
}

/** What a dashboard needs of the rest of the host. */
export interface PanelServices {
  readonly store: RunStore;
  readonly log: vscode.LogOutputChannel;
  readonly config: ConfigAccess;
  readonly canRun: () => CanRun;
  /** Does what a button asks for; answers when it has begun. */
  act(run: RunEntry, asked: PanelParams<'act'>): Promise<string>;
}

/**
 * The host's end of one dashboard. What the page sends is checked before it is believed; a page that
 * is hidden is told nothing, and asks for everything again when it is shown.
 */
export class PanelHost {
  private readonly services: PanelServices;
  private readonly runs: PanelRuns;
  private readonly connection: MessageConnection;
  private readonly subscriptions: vscode.Disposable[] = [];
  private configWatches: vscode.Disposable[] = [];
  private told = new Map<string, string>();
  private live = false;
  private selected: string | null;

  constructor(
    endpoint: Endpoint,
    ids: readonly string[],
    services: PanelServices,
    select: string | null,
  ) {
    this.services = services;
    this.selected = select;
    this.runs = new PanelRuns(services.store, ids);
    this.connection = connectPage(endpoint, panelApi, this.handlers(), services.log);
    this.subscriptions.push(services.store.onDidChange(() => this.tellStanding()));
  }

  /** The page was hidden and will be made anew when it is shown: nothing is done for it until then. */
  sleep(): void {
    this.live = false;
    this.runs.unfollow();
    for (const one of this.configWatches) one.dispose();
    this.configWatches = [];
  }

  /** Shows a subnet selected. */
  select(run: string, subnet: string): void {
    this.selected = subnet;
    if (this.live) notify(this.connection, panelApi.select, { run, subnet });
  }

  dispose(): void {
    this.sleep();
    for (const one of this.subscriptions) one.dispose();
    this.connection.dispose();
  }

  private handlers(): Handlers<typeof panelApi> {
    const { runs, services } = this;
    const table: Handlers<typeof panelApi> = {
      open: ({ protocol }) => this.open(protocol),
      mask: ({ run, mask }) => runs.reader(run).mask(mask),
      frequency: ({ run }) => runs.reader(run).frequency(),
      importance: ({ run }) => ({ ranks: runs.reader(run).importance() }),
      layerScores: ({ run, layer }) => ({ scores: runs.reader(run).layerScores(layer) }),
      sparsity: ({ run }) => ({ record: runs.reader(run).sparsity() }),
      weightPattern: ({ run, block, map }) => runs.reader(run).weightPattern(block, map),
      config: ({ run }) => services.config.view(runs.entry(run)),
      editConfig: (edit) => services.config.edit(runs.entry(edit.run), edit),
      act: async (asked) => ({ said: await services.act(runs.entry(asked.run), asked) }),
    };
    return checked(table, panelParams, services.log);
  }

  private async open(protocol: number): Promise<PanelContent<unknown>> {
    expectProtocol(protocol);
    await this.services.store.start();
    const runs = await this.runs.snapshots();
    this.live = true;
    this.runs.follow((id, change) => this.tellChange(id, change));
    this.watchConfigs();
    const standing = Object.fromEntries(
      this.runs.ids.flatMap((id) => {
        const entry = this.services.store.find(id);
        return entry === undefined ? [] : [[id, standingOf(entry)]];
      }),
    ) as Record<string, RunStanding>;
    for (const [id, one] of Object.entries(standing)) this.told.set(id, JSON.stringify(one));
    const palette = setting('palette');
    return { protocol, runs, standing, palette, ...this.services.canRun(), select: this.selected };
  }

  private tellChange(run: string, change: RunChange): void {
    if (!this.live) return;
    if (change.kind === 'removed') {
      notify(this.connection, panelApi.runRemoved, { run });
    } else if (change.kind === 'snapshot') {
      this.tellSnapshot(run);
    } else {
      notify(this.connection, panelApi.runEvents, { run, ...change.batch });
    }
  }

  private tellSnapshot(run: string): void {
    try {
      const snapshot = this.runs.reader(run).snapshot();
      notify(this.connection, panelApi.runSnapshot, { run, snapshot });
    } catch (error) {
      this.services.log.warn(`Run ${run}: ${String(error)}`);
    }
  }

  private tellStanding(): void {
    if (!this.live) return;
    for (const run of this.runs.ids) {
      const entry = this.services.store.find(run);
      if (entry === undefined) continue;
      const standing = standingOf(entry);
      const text = JSON.stringify(standing);
      if (this.told.get(run) === text) continue;
      this.told.set(run, text);
      notify(this.connection, panelApi.standing, { run, standing });
    }
  }

  private watchConfigs(): void {
    for (const one of this.configWatches) one.dispose();
    this.configWatches = this.runs.ids.flatMap((run) => {
      const entry = this.services.store.find(run);
      if (entry === undefined) return [];
      return [this.services.config.watch(entry, () => void this.tellConfig(run))];
    });
  }

  private async tellConfig(run: string): Promise<void> {
    try {
      const config = await this.services.config.view(this.runs.entry(run));
      if (this.live) notify(this.connection, panelApi.configChanged, { run, config });
    } catch (error) {
      this.services.log.warn(`Config of ${run}: ${String(error)}`);
    }
  }
}
