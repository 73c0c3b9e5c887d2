import * as vscode from 'vscode';
import type { MessageConnection } from 'vscode-jsonrpc';
import {
  comparisonPanelApi,
  type ComparisonAction,
  type ComparisonContent,
} from '../../protocol/comparisonPanelApi.ts';
import { comparisonPanelParams } from '../../protocol/comparisonPanelParams.ts';
import { PANEL_PROTOCOL } from '../../protocol/panelApi.ts';
import type { Endpoint } from '../../protocol/postMessageConnection.ts';
import { notify } from '../../protocol/rpc.ts';
import type { ComparisonStore } from '../comparisons/comparisonStore.ts';
import type { CanRun } from '../trust.ts';
import { checked, connectPage, expectProtocol } from './pageMessages.ts';
import type { PanelColumn } from './panelColumn.ts';

/** What a page shows: the newest comparison of a config, or an older one by its folder. */
export interface ComparisonPlace {
  readonly configPath: string;
  /** Null: the newest, also one that is still to come. */
  readonly folder: string | null;
}

/** What the page of a comparison needs of the rest of the host. */
export interface ComparisonServices {
  readonly comparisons: ComparisonStore;
  readonly log: vscode.LogOutputChannel;
  readonly column: PanelColumn;
  readonly canRun: () => CanRun;
  /** Does what a button asks for; answers when it has begun. */
  act(place: ComparisonPlace, action: ComparisonAction): Promise<string>;
}

/** The host's end of one page of a comparison. */
export class ComparisonHost {
  private readonly services: ComparisonServices;
  private readonly place: ComparisonPlace;
  private readonly connection: MessageConnection;
  private readonly subscription: vscode.Disposable;
  /** What the page knows; empty while it is hidden, or has not asked. */
  private told = '';

  constructor(endpoint: Endpoint, place: ComparisonPlace, services: ComparisonServices) {
    this.services = services;
    this.place = place;
    const handlers = {
      openComparison: ({ protocol }: { readonly protocol: number }) => this.open(protocol),
      actOnComparison: async ({ action }: { readonly action: ComparisonAction }) => ({
        said: await services.act(place, action),
      }),
    };
    const guarded = checked(handlers, comparisonPanelParams, services.log);
    this.connection = connectPage(endpoint, comparisonPanelApi, guarded, services.log);
    this.subscription = services.comparisons.onDidChange(() => this.tell());
  }

  /** The page was hidden and will be made anew when it is shown. */
  sleep(): void {
    this.told = '';
  }

  dispose(): void {
    this.sleep();
    this.subscription.dispose();
    this.connection.dispose();
  }

  private open(protocol: number): ComparisonContent {
    expectProtocol(protocol);
    const content = this.content();
    this.told = JSON.stringify(content);
    return content;
  }

  private tell(): void {
    if (this.told === '') return;
    const content = this.content();
    const text = JSON.stringify(content);
    if (this.told === text) return;
    this.told = text;
    notify(this.connection, comparisonPanelApi.comparison, content);
  }

  private content(): ComparisonContent {
    const { configPath, folder } = this.place;
    const { comparisons, canRun } = this.services;
    const entry = comparisons.find(folder ?? configPath);
    const job = folder === null ? comparisons.jobOf(configPath) : (entry?.job ?? undefined);
    return {
      protocol: PANEL_PROTOCOL,
      table: entry?.table ?? null,
      waiting: entry?.problem ? entry.problem : waitingText(job?.state),
      job: job?.state === 'running' || job?.state === 'queued' ? job.state : 'none',
      etaMs: job?.etaMs ?? null,
      ...canRun(),
    };
  }
}

function waitingText(state: string | undefined): string {
  const { t } = vscode.l10n;
  if (state === 'queued') return t('It waits in the queue for the work before it.');
  return state === 'running'
    ? t('The engine reads the model and its texts; the first row follows.')
    : t('Nothing has been compared with this config yet.');
}
