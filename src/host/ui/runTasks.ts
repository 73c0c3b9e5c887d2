import { basename } from 'node:path';
import * as vscode from 'vscode';
import { isEngineError } from '../../protocol/errors.ts';
import { checkRunConfig } from '../../protocol/parseRunConfig.ts';
import { serviceApi, type Job } from '../../protocol/serviceApi.ts';
import type { App } from '../commands/app.ts';
import { readyConfig } from '../commands/runCommands.ts';
import { isActive } from '../service/serviceHandle.ts';
import { messageOf } from '../report.ts';
import { progressText } from '../trees/runLook.ts';
import { requireTrust } from '../trust.ts';
import { statusText } from './statusBar.ts';

/** Type of our tasks in tasks.json. */
const TYPE = 'subnetStudio';

/** Makes runs usable in tasks.json. The service does the work, so that closing the task's terminal
 * stops the run, and closing the window does not. */
export class RunTasks implements vscode.TaskProvider, vscode.Disposable {
  private readonly app: App;
  private readonly registration: vscode.Disposable;

  constructor(app: App) {
    this.app = app;
    this.registration = vscode.tasks.registerTaskProvider(TYPE, this);
  }

  async provideTasks(): Promise<vscode.Task[]> {
    await this.app.store.start();
    return this.app.roots.configs.flatMap((uri) => {
      const folder = vscode.workspace.getWorkspaceFolder(uri);
      if (folder === undefined) return [];
      const config = vscode.workspace.asRelativePath(uri, false);
      return [this.taskOf(folder, { type: TYPE, config })];
    });
  }

  resolveTask(task: vscode.Task): vscode.Task | undefined {
    const { definition, scope } = task;
    const folder = typeof scope === 'object' ? scope : vscode.workspace.workspaceFolders?.[0];
    if (folder === undefined || typeof definition['config'] !== 'string') return undefined;
    return this.taskOf(folder, definition);
  }

  dispose(): void {
    this.registration.dispose();
  }

  private taskOf(folder: vscode.WorkspaceFolder, definition: vscode.TaskDefinition): vscode.Task {
    const config = String(definition['config']);
    const uri = vscode.Uri.joinPath(folder.uri, config);
    const execution = new vscode.CustomExecution(() =>
      Promise.resolve(new RunTerminal(this.app, uri)),
    );
    const name = basename(config).replace(/\.subnet\.jsonc$/, '');
    const task = new vscode.Task(definition, folder, name, 'Subnet Studio', execution, [
      '$subnet-studio',
    ]);
    task.detail = vscode.l10n.t('Run {0}', config);
    return task;
  }
}

/** The terminal of a task: lines of progress, problems of the config in the form of a compiler. */
export class RunTerminal implements vscode.Pseudoterminal {
  private readonly app: App;
  private readonly uri: vscode.Uri;
  private readonly written = new vscode.EventEmitter<string>();
  private readonly ended = new vscode.EventEmitter<number>();
  private readonly subscriptions: vscode.Disposable[] = [];
  private jobId: string | undefined;
  private lastLine = '';

  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.ended.event;

  constructor(app: App, uri: vscode.Uri) {
    this.app = app;
    this.uri = uri;
  }

  open(): void {
    void this.start();
  }

  /** The user closed the terminal: the run is paused and can be resumed. */
  close(): void {
    const job = this.app.service.jobs.find(({ id }) => id === this.jobId);
    this.dispose();
    if (job !== undefined && isActive(job)) {
      void this.app.reporter.guard(() =>
        this.app.service.request(serviceApi.cancel, { id: job.id }),
      );
    }
  }

  private async start(): Promise<void> {
    try {
      requireTrust();
      const { configPath, title } = await readyConfig(this.uri);
      this.line(vscode.l10n.t('Run {0}', configPath));
      this.jobId = await this.app.service.submit({ kind: 'run', configPath }, title);
      this.subscriptions.push(
        this.app.store.onDidChange(() => this.tell()),
        this.app.service.onDidChangeJobs(() => this.tell()),
      );
      this.tell();
    } catch (error) {
      await this.problems(error);
      this.end(1);
    }
  }

  private tell(): void {
    const job = this.app.service.jobs.find(({ id }) => id === this.jobId);
    if (job === undefined) return;
    const run = job.runFolder === null ? undefined : this.app.store.find(job.runFolder);
    if (job.state === 'queued') this.line(vscode.l10n.t('Waiting in the queue'));
    else if (run !== undefined && progressText(run) !== '') this.line(statusText(run));
    if (!isActive(job)) this.tellEnd(job);
  }

  private tellEnd(job: Job): void {
    if (job.error !== null) this.line(job.error.message);
    this.line(
      job.state === 'finished'
        ? vscode.l10n.t('Finished: {0}', job.runFolder ?? '')
        : vscode.l10n.t('Not finished; resume it in the Runs view.'),
    );
    this.end(job.state === 'finished' ? 0 : 1);
  }

  private async problems(error: unknown): Promise<void> {
    if (isEngineError(error, 'config')) {
      const document = await vscode.workspace.openTextDocument(this.uri).then(
        (one) => one,
        () => undefined,
      );
      const check = document === undefined ? undefined : checkRunConfig(document.getText());
      if (check?.ok === false) {
        for (const { line, column, message } of check.problems) {
          this.line(`${this.uri.fsPath}:${line}:${column}: error: ${message}`);
        }
        return;
      }
    }
    this.line(messageOf(error));
  }

  /** The same line again says nothing new. */
  private line(text: string): void {
    if (text === this.lastLine) return;
    this.lastLine = text;
    this.written.fire(`${text.replaceAll('\n', '\r\n')}\r\n`);
  }

  private end(code: number): void {
    this.jobId = undefined;
    this.dispose();
    this.ended.fire(code);
  }

  private dispose(): void {
    for (const one of this.subscriptions.splice(0)) one.dispose();
  }
}
