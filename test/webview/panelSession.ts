// Gives the RPC library its timers.
import 'vscode-jsonrpc/node';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { applyEdits } from '../../src/configText/textEdit.ts';
import { configFields } from '../../src/configText/fields.ts';
import { removeField, setField } from '../../src/configText/edits.ts';
import { RunReader, type RunChange } from '../../src/dashboard/reader/runReader.ts';
import { EngineError } from '../../src/protocol/errors.ts';
import {
  PANEL_PROTOCOL,
  panelApi,
  type ConfigView,
  type PanelContent,
  type RunStanding,
} from '../../src/protocol/panelApi.ts';
import type { PanelParams } from '../../src/protocol/panelParams.ts';
import { checkRunConfig } from '../../src/protocol/parseRunConfig.ts';
import { postMessageConnection, type Endpoint } from '../../src/protocol/postMessageConnection.ts';
import { notify, serve } from '../../src/protocol/rpc.ts';

/** A run folder that a panel shows. */
export interface PanelRun {
  readonly id: string;
  readonly folder: string;
}

/** What a panel is told besides its runs. */
export interface PanelSettings {
  readonly palette: PanelContent<unknown>['palette'];
  readonly canRun: boolean;
  readonly whyNot: string;
  readonly select: string | null;
}

/** The host's end of one panel, without an editor. */
export interface PanelSession {
  /** What buttons asked for, in order. */
  readonly acts: readonly PanelParams<'act'>[];
  /** Tells where a run stands, as the extension does when the queue changes. */
  tellStanding(run: string, standing: Partial<RunStanding>): void;
  /** Shows a subnet selected, as a click in the tree does. */
  select(run: string, subnet: string): void;
  close(): void;
}

/**
 * Serves a panel from run folders through the readers that the extension uses. Buttons do nothing
 * but are remembered; a field that is edited goes to the config's file.
 */
export function openSession(
  endpoint: Endpoint,
  runs: readonly PanelRun[],
  settings: PanelSettings,
): PanelSession {
  const connection = postMessageConnection(endpoint);
  const readers = new Map<string, RunReader>();
  const acts: PanelParams<'act'>[] = [];
  let following: (() => void)[] = [];
  const reader = (id: string): RunReader => {
    const known = readers.get(id);
    if (known !== undefined) return known;
    const found = runs.find((run) => run.id === id);
    if (found === undefined) throw noSuchRun(id);
    const made = new RunReader(found.folder);
    readers.set(id, made);
    return made;
  };
  const standingOf = (id: string): RunStanding => ({
    ...{ state: reader(id).current().state, queuePlace: null, busyWith: null },
  });
  const tellChange = (run: string, change: RunChange): void => {
    if (change.kind === 'removed') return notify(connection, panelApi.runRemoved, { run });
    if (change.kind === 'snapshot') {
      return notify(connection, panelApi.runSnapshot, { run, snapshot: reader(run).snapshot() });
    }
    notify(connection, panelApi.runEvents, { run, ...change.batch });
    const last = change.batch.events.at(-1)?.kind;
    if (last !== undefined && /^run(Started|Finished|Failed|Stopped)$/.test(last)) {
      notify(connection, panelApi.standing, { run, standing: standingOf(run) });
    }
  };
  serve(panelApi, connection, {
    open: (): PanelContent<unknown> => {
      for (const stop of following) stop();
      const snapshots = runs.map(({ id }) => reader(id).snapshot());
      following = runs.map(({ id }) => reader(id).follow((change) => tellChange(id, change)));
      const standing = Object.fromEntries(runs.map(({ id }) => [id, standingOf(id)]));
      return { protocol: PANEL_PROTOCOL, runs: snapshots, standing, ...settings };
    },
    mask: ({ run, mask }) => reader(run).mask(mask),
    frequency: ({ run }) => reader(run).frequency(),
    importance: ({ run }) => ({ ranks: reader(run).importance() }),
    layerScores: ({ run, layer }) => ({ scores: reader(run).layerScores(layer) }),
    sparsity: ({ run }) => ({ record: reader(run).sparsity() }),
    weightPattern: ({ run, block, map }) => reader(run).weightPattern(block, map),
    config: ({ run }) => configView(reader(run)),
    editConfig: ({ run, path, value }) => {
      const { configPath } = reader(run).manifest;
      const text = readFileSync(configPath, 'utf8');
      const edits = value === null ? removeField(text, path) : setField(text, path, value);
      writeFileSync(configPath, applyEdits(text, edits));
      const config = configView(reader(run));
      notify(connection, panelApi.configChanged, { run, config });
      return config;
    },
    act: (asked) => {
      acts.push(asked);
      return { said: `${asked.action} was asked for` };
    },
  });
  connection.listen();
  return {
    acts,
    tellStanding: (run, standing) => {
      notify(connection, panelApi.standing, { run, standing: { ...standingOf(run), ...standing } });
    },
    select: (run, subnet) => notify(connection, panelApi.select, { run, subnet }),
    close: () => {
      for (const stop of following) stop();
      connection.dispose();
    },
  };
}

function configView({ manifest }: RunReader): ConfigView {
  const text = readFileSync(manifest.configPath, 'utf8');
  const check = checkRunConfig(text);
  return {
    ...{ editable: true, why: '', fileName: basename(manifest.configPath) },
    fields: configFields(text),
    own: configFields(manifest.configText),
    problems: check.ok ? [] : check.problems,
    changed: text !== manifest.configText,
  };
}

function noSuchRun(id: string): EngineError {
  return new EngineError('run', {
    what: `Run ${id}`,
    expected: 'a run of this dashboard',
    found: 'none',
    action: 'Open another run.',
    sentence: `This dashboard has no run ${id}.`,
  });
}
