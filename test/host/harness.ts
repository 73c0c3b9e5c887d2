import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// The RPC library needs one of its runtimes to be loaded.
import 'vscode-jsonrpc/node';
import '../fakes/useVscode.ts';
import type { ServiceConnection, ServiceDoor } from '../../src/host/service/serviceHandle.ts';
import type { App } from '../../src/host/commands/app.ts';
import { postMessageConnection } from '../../src/protocol/postMessageConnection.ts';
import { Remote, type EventDescriptor, type RequestDescriptor } from '../../src/protocol/rpc.ts';
import type { Job, JobWork } from '../../src/protocol/serviceApi.ts';
import { makeRecordedRun, type RecordedRun } from '../fixtures/recordedRun.ts';
import { TestMemento, type TestPanel } from '../fakes/vscodeWidgets.ts';
import { RECORDED } from '../fixtures/recordedRuns.ts';

const { fake, reset } = await import('../fakes/vscode.ts');
const vscode = await import('../fakes/vscode.ts');
const { Reporter } = await import('../../src/host/report.ts');
const { ModelLibrary } = await import('../../src/host/models/modelLibrary.ts');
const { RunRoots } = await import('../../src/host/runs/runRoots.ts');
const { RunStore } = await import('../../src/host/runs/runStore.ts');
const { ComparisonStore } = await import('../../src/host/comparisons/comparisonStore.ts');
const { ComparisonPanels } = await import('../../src/host/panel/comparisonPanels.ts');
const { comparisonAct } = await import('../../src/host/commands/comparisonCommands.ts');
const { RunTree } = await import('../../src/host/trees/runTree.ts');
const { SubnetTree } = await import('../../src/host/trees/subnetTree.ts');
const { PanelColumn } = await import('../../src/host/panel/panelColumn.ts');
const { RunPanels } = await import('../../src/host/panel/runPanels.ts');
const { ServiceHandle } = await import('../../src/host/service/serviceHandle.ts');
const { Pages } = await import('../../src/host/ui/pages.ts');
const { configAccess } = await import('../../src/host/panel/configAccess.ts');
const { DeviceKnowledge } = await import('../../src/host/devices/deviceKnowledge.ts');
const { canRun } = await import('../../src/host/trust.ts');
const { panelAct } = await import('../../src/host/commands/panelActs.ts');

export { fake, vscode };

/** A job as the service tells it. */
export function someJob(work: JobWork, changes: Partial<Job> = {}): Job {
  return {
    ...{ id: 'j1', work, title: 'demo', state: 'running', submittedMs: 1, startedMs: 2 },
    ...{ endedMs: null, runFolder: null, stage: null, fraction: null, etaMs: null, pid: 7 },
    ...{ error: null, result: null },
    ...changes,
  };
}

/** A service that answers from a table and remembers what it was asked. */
export class TestService implements ServiceConnection {
  readonly asked: { readonly method: string; readonly params: unknown }[] = [];
  readonly answers: Record<string, (params: unknown) => unknown> = {
    submit: () => ({ id: 'j1' }),
    devices: () => [],
  };
  jobs: readonly Job[] = [];
  isLive = true;
  starts = 0;
  private readonly listeners = new Set<(payload: never) => void>();
  private readonly ends = new Set<() => void>();

  /** The ways to it. */
  readonly door: ServiceDoor = {
    attach: () => Promise.resolve(this.isLive ? this : undefined),
    start: () => {
      this.starts++;
      this.isLive = true;
      return Promise.resolve(this);
    },
  };

  async request<P, R>({ method }: RequestDescriptor<P, R>, params: P): Promise<R> {
    this.asked.push({ method, params });
    await Promise.resolve();
    return (method === 'jobs' ? this.jobs : (this.answers[method]?.(params) ?? {})) as R;
  }

  on<P>(_: EventDescriptor<P>, listener: (payload: P) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  onClosed(listener: () => void): void {
    this.ends.add(listener);
  }

  close(): void {
    this.ends.clear();
  }

  /** Tells a new list of jobs. */
  tell(jobs: readonly Job[]): void {
    this.jobs = jobs;
    for (const listener of this.listeners) listener({ jobs } as never);
  }

  /** Breaks the connection. */
  break(): void {
    this.isLive = false;
    this.listeners.clear();
    for (const end of [...this.ends]) end();
  }

  /** What it was asked of one kind. */
  askedFor(method: string): unknown[] {
    return this.asked.filter((one) => one.method === method).map(({ params }) => params);
  }
}

/** The host on a workspace of recorded runs, with a service of the test's. */
export interface TestHost {
  readonly app: App;
  readonly service: TestService;
  readonly folder: string;
  readonly runs: ReadonlyMap<string, RecordedRun>;
  /** Gives the folder of a run that is being written free, as when its engine was killed. */
  kill(name: string): void;
  dispose(): void;
}

/** Makes a workspace with these recorded runs, and a host that has read them. */
export async function hostOn(...names: readonly string[]): Promise<TestHost> {
  reset();
  const folder = mkdtempSync(join(tmpdir(), 'host-'));
  mkdirSync(join(folder, 'storage'));
  const runs = new Map(names.map((name) => [name, makeRecordedRun(folder, RECORDED.get(name)!)]));
  fake.folders = [folder];
  const log = vscode.window.createOutputChannel() as unknown as App['log'];
  const service = new TestService();
  const roots = new RunRoots();
  const store = new RunStore(roots);
  const handle = new ServiceHandle(service.door, [5, 5, 5]);
  const comparisons = new ComparisonStore(roots);
  const tree = new RunTree(store, comparisons);
  const subnets = new SubnetTree(store);
  const extensionUri = vscode.Uri.file(join(import.meta.dirname, '..', '..'));
  const context = {
    ...{ extensionUri, extensionPath: extensionUri.fsPath },
    globalState: new TestMemento(),
    globalStorageUri: vscode.Uri.file(join(folder, 'storage')),
    extension: { packageJSON: { version: '1.2.3' } },
  } as unknown as App['context'];
  const column = new PanelColumn();
  const panels = new RunPanels(context.extensionUri, {
    ...{ store, log, column, config: configAccess },
    canRun: () => canRun(true),
    act: (run, asked) => panelAct(app, run, asked),
  });
  const comparisonPanels = new ComparisonPanels(context.extensionUri, () => store.start(), {
    ...{ comparisons, log, column, canRun: () => canRun(true) },
    act: (place, action) => comparisonAct(app, place, action),
  });
  const app: App = {
    ...{ context, log, roots, store, tree, panels, service: handle },
    ...{ comparisons, comparisonPanels },
    ...{ reporter: new Reporter(log), models: new ModelLibrary(), pages: new Pages() },
    devices: new DeviceKnowledge(context.globalState),
    serviceFolder: join(folder, 'storage', 'service'),
  };
  handle.onDidChangeJobs((jobs) => {
    store.setJobs(jobs);
    comparisons.setJobs(jobs);
  });
  await handle.attachIfLive();
  await store.start();
  const open = new Map(runs);
  const kill = (name: string): void => {
    open.get(name)?.close();
    open.delete(name);
  };
  const dispose = (): void => {
    for (const one of [panels, comparisonPanels, store, comparisons, tree, subnets, handle]) {
      one.dispose();
    }
    for (const name of runs.keys()) kill(name);
    rmSync(folder, { recursive: true, force: true });
  };
  return { app, service, folder, runs, kill, dispose };
}

/** Waits until something holds. @throws Error after six seconds */
export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 6000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('It never came to be.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The page's end of the connection. */
export function remoteOf(panel: TestPanel): Remote {
  const listeners = new Set<(message: unknown) => void>();
  panel.onPost = (message) => {
    for (const listener of listeners) listener(message);
  };
  const connection = postMessageConnection({
    post: (message) => panel.send(message),
    onMessage: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const remote = new Remote(connection);
  connection.listen();
  return remote;
}
