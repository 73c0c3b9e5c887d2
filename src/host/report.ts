import * as vscode from 'vscode';
import { EngineError, isEngineError } from '../protocol/errors.ts';
import { RemoteBug } from '../protocol/wireError.ts';
import { commandRemedy, editorRemedy, HostError, type Remedy } from './hostError.ts';
import { showError } from './ui/messages.ts';

/** After this a message that nobody closed no longer keeps the next one away, ms. */
const PATIENCE_MS = 15_000;

/**
 * Tells the user what went wrong: one notification at a time, everything in the log.
 *
 * An expected error says what to do; a bug says that it is one.
 */
export class Reporter {
  private readonly log: vscode.LogOutputChannel;
  private readonly now: () => number;
  private shownMs: number | undefined;
  private last = '';

  constructor(log: vscode.LogOutputChannel, now: () => number = Date.now) {
    this.log = log;
    this.now = now;
  }

  /**
   * Shows an error. Never throws.
   * @param remedies  buttons beside those that follow from the error itself
   */
  async report(error: unknown, remedies: readonly Remedy[] = []): Promise<void> {
    if (isEngineError(error, 'cancelled')) return;
    this.log.error(detail(error));
    const text = messageOf(error);
    if (!this.mayShow(text)) return;
    const helpful = [...remedies, ...remediesOf(error)];
    // Where nothing helps, a report of the problem does.
    if (helpful.length === 0) helpful.push(copyDiagnostics());
    const buttons = [...helpful, this.showLog()];
    this.shownMs = this.now();
    this.last = text;
    const labels = buttons.map(({ label }) => label);
    const chosen = await showError(text, ...labels);
    this.shownMs = undefined;
    try {
      await buttons.find(({ label }) => label === chosen)?.run();
    } catch (next) {
      this.log.error(detail(next));
    }
  }

  /** Runs something and reports what it throws. @returns undefined when it threw */
  async guard<T>(work: () => Promise<T> | T, remedies?: readonly Remedy[]): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      void this.report(error, remedies);
      return undefined;
    }
  }

  private mayShow(text: string): boolean {
    if (this.shownMs === undefined) return true;
    return text !== this.last && this.now() - this.shownMs > PATIENCE_MS;
  }

  private showLog(): Remedy {
    return {
      label: vscode.l10n.t('Show Log'),
      run: () => {
        this.log.show(true);
      },
    };
  }
}

/** What a person reads about something thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof EngineError) {
    const { expected, action, sentence } = error.problem;
    if (expected === '') return firstOf(words(error.message));
    return `${firstOf(sentence)} ${words(action)}`;
  }
  const text = error instanceof Error ? error.message : String(error);
  return vscode.l10n.t('This is a bug in Subnet Studio: {0}', text);
}

/** A notification has no lines: of a list it shows the first entry and how many more there are. */
function firstOf(text: string): string {
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const [first, ...more] = lines.map((line) => line.trim());
  if (first === undefined) return head;
  const entry = /[.?!]$/.test(first) ? first : `${first}.`;
  if (more.length === 0) return `${head} ${entry}`;
  return vscode.l10n.t('{0} {1} And {2} more.', head, entry, more.length);
}

/** The engine speaks of its command line; in the editor there are commands of the same names. */
function words(action: string): string {
  return action
    .replaceAll(/"subnet resume[^"]*"/g, vscode.l10n.t('the command Resume'))
    .replaceAll(/"subnet runs[^"]*"/g, vscode.l10n.t('the Runs view'))
    .replaceAll(/"subnet devices[^"]*"/g, vscode.l10n.t('the command Select Device'))
    .replaceAll(/"subnet compare[^"]*"/g, vscode.l10n.t('the command Compare Methods'))
    .replaceAll(/"subnet (\w+)[^"]*"/g, 'Subnet Studio: $1');
}

function detail(error: unknown): string {
  if (error instanceof EngineError) return error.message;
  if (error instanceof RemoteBug) return error.remoteStack;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function remediesOf(error: unknown): Remedy[] {
  if (error instanceof HostError) return [...error.remedies];
  if (isEngineError(error, 'device')) {
    return [commandRemedy(vscode.l10n.t('Select Device'), 'selectDevice')];
  }
  if (!isEngineError(error, 'config')) return [];
  const place = placeOf(error);
  if (place === undefined) return [];
  const open = { label: vscode.l10n.t('Open Config'), run: () => openAt(place) };
  const isList = error.problem.sentence.includes('\n');
  const problems = vscode.l10n.t('Show Problems');
  return isList ? [open, editorRemedy(problems, 'workbench.actions.view.problems')] : [open];
}

function copyDiagnostics(): Remedy {
  return commandRemedy(vscode.l10n.t('Copy Diagnostics'), 'copyDiagnostics');
}

interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** Where a config error points: `PATH:LINE:COLUMN …`, or the first of several below `PATH`. */
export function placeOf(error: EngineError): Place | undefined {
  const { what, found } = error.problem;
  const pattern = /^(.+?\.jsonc?):(\d+):(\d+)(?= |$)/;
  const one = pattern.exec(what) ?? pattern.exec(found);
  const path = one?.[1] ?? /^.+\.jsonc?$/.exec(what)?.[0];
  if (path === undefined) return undefined;
  const at = one === null ? /\n {2}(\d+):(\d+) /.exec(found)?.slice(1) : one.slice(2);
  return { path, line: Number(at?.[0] ?? 1), column: Number(at?.[1] ?? 1) };
}

async function openAt({ path, line, column }: Place): Promise<void> {
  const position = new vscode.Position(Math.max(0, line - 1), Math.max(0, column - 1));
  const selection = new vscode.Range(position, position);
  await vscode.window.showTextDocument(vscode.Uri.file(path), { selection });
}
