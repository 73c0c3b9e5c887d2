import { join } from 'node:path';
import * as vscode from 'vscode';
import type { App } from './commands/app.ts';
import { registerCommands } from './commands/commandTable.ts';
import { comparisonAct } from './commands/comparisonCommands.ts';
import { panelAct } from './commands/panelActs.ts';
import { ComparisonStore } from './comparisons/comparisonStore.ts';
import { COMPARISON_PANEL, ComparisonPanels } from './panel/comparisonPanels.ts';
import { configAccess } from './panel/configAccess.ts';
import { PANEL_TYPE, RunPanels } from './panel/runPanels.ts';
import { registerLanguage } from './language/registerLanguage.ts';
import type { Results } from './language/lensItems.ts';
import { ModelLibrary } from './models/modelLibrary.ts';
import { ModelTree } from './models/modelTree.ts';
import { Reporter } from './report.ts';
import { RunRoots } from './runs/runRoots.ts';
import { DigestCache } from './runs/digestCache.ts';
import { RunStore } from './runs/runStore.ts';
import { hasEngine, serviceDoor, serviceFolderOf } from './service/serviceDoor.ts';
import { ServiceHandle } from './service/serviceHandle.ts';
import { setContext } from './settings.ts';
import { RunTree } from './trees/runTree.ts';
import { SubnetTree } from './trees/subnetTree.ts';
import { canRun, type CanRun } from './trust.ts';
import { keepContexts } from './ui/contexts.ts';
import { notifyOfEnds } from './ui/notifications.ts';
import { Pages } from './ui/pages.ts';
import { RunTasks } from './ui/runTasks.ts';
import { StatusBar } from './ui/statusBar.ts';

/** Starts the extension: registers everything and reads nothing; that begins a moment later. */
export function activate(context: vscode.ExtensionContext): void {
  const begunMs = performance.now();
  const log = vscode.window.createOutputChannel('Subnet Studio', { log: true });
  const reporter = new Reporter(log);
  const roots = new RunRoots();
  const store = new RunStore(roots, digestCacheOf(context));
  const service = new ServiceHandle(serviceDoor(context));
  const models = new ModelLibrary();
  const comparisons = new ComparisonStore(roots);
  const tree = new RunTree(store, comparisons);
  const pages = new Pages();
  const mayRun = (): CanRun => canRun(hasEngine(context));
  const panels = new RunPanels(context.extensionUri, {
    ...{ store, log, config: configAccess, canRun: mayRun },
    act: (run, asked) => panelAct(app, run, asked),
  });
  const comparisonPanels = new ComparisonPanels(context.extensionUri, () => store.start(), {
    ...{ comparisons, log, canRun: mayRun },
    act: (place, action) => comparisonAct(app, place, action),
  });
  const app: App = {
    ...{ context, log, reporter, roots, store, service, models, panels, tree, pages },
    ...{ comparisons, comparisonPanels },
    serviceFolder: serviceFolderOf(context),
  };
  context.subscriptions.push(
    ...[log, roots, store, comparisons, service, models, tree, pages, panels, comparisonPanels],
    registerLanguage({ models, results: resultsOf(store) }),
    new SubnetTree(store),
    new ModelTree(models),
    new StatusBar(store, comparisons),
    new RunTasks(app),
    keepContexts(store, comparisons),
    notifyOfEnds(app),
    vscode.window.registerWebviewPanelSerializer(PANEL_TYPE, panels),
    vscode.window.registerWebviewPanelSerializer(COMPARISON_PANEL, comparisonPanels),
    service.onDidChangeJobs((jobs) => {
      store.setJobs(jobs);
      comparisons.setJobs(jobs);
    }),
    service.onDidChangeState((state) => {
      log.info(`service ${state.kind}`);
      if (state.kind === 'failed') void reporter.report(state.error);
    }),
    ...registerCommands(app),
  );
  setImmediate(() => void begin(app));
  log.info(`active after ${(performance.now() - begunMs).toFixed(1)} ms`);
}

/** Finds runs, and the service when one lives; starts none. */
async function begin(app: App): Promise<void> {
  const { context, log, service, store } = app;
  setContext('engineMissing', !hasEngine(context));
  if (await service.attachIfLive()) log.info('found a service at work');
  await app.reporter.guard(() => store.start());
}

/** Digests of the runs of this workspace; none are kept of a window without one. */
function digestCacheOf({
  storageUri,
  extension,
}: vscode.ExtensionContext): DigestCache | undefined {
  if (storageUri === undefined) return undefined;
  const { version } = extension.packageJSON as { readonly version: string };
  return new DigestCache(join(storageUri.fsPath, 'digests'), version);
}

function resultsOf(store: RunStore): Results {
  return {
    hasResult: ({ fsPath }) => store.runs.some(({ manifest }) => manifest.configPath === fsPath),
    onDidChange: store.onDidChange,
  };
}
