import type { CompareRow } from '../protocol/compareRow.ts';
import type { RunEventBody } from '../protocol/runEvent.ts';
import { bytesText } from '../protocol/sizeText.ts';
import { nextProgress, noProgress } from './progressState.ts';
import { progressLine } from './progressLine.ts';
import { styled, type Terminal } from './terminal.ts';
import { formatDuration, formatFitness, formatMs, formatPath } from './units.ts';

/** Least time between two drawings of the live line, ms. */
const REDRAW_MS = 100;

/**
 * Shows events as they come: finished things as lines that stay, and on a terminal one live line
 * below them.
 */
export class ProgressView {
  private readonly terminal: Terminal;
  private state = noProgress;
  private timer: NodeJS.Timeout | undefined;
  private drawn = false;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** Takes one event. */
  show(event: RunEventBody): void {
    this.state = nextProgress(this.state, event);
    const line = lineOf(event, this.terminal);
    if (line !== undefined) this.remark(line);
    if (this.terminal.live) this.schedule();
  }

  /** Prints a line that stays, above the live one. */
  remark(line: string): void {
    this.clear();
    this.terminal.err(`${line}\n`);
    if (this.terminal.live) this.schedule();
  }

  /** Removes the live line for good. */
  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.state = noProgress;
    this.clear();
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.draw();
    }, REDRAW_MS);
  }

  private draw(): void {
    const line = progressLine(this.state, this.terminal.columns(), this.terminal.unicode);
    this.clear();
    if (line === '') return;
    this.terminal.err(line);
    this.drawn = true;
  }

  private clear(): void {
    if (this.drawn) this.terminal.clearLine();
    this.drawn = false;
  }
}

/** The line an event leaves, if any. Without a live line, starts are told too. */
function lineOf(event: RunEventBody, terminal: Terminal): string | undefined {
  const done = styled(terminal, 'green', terminal.unicode ? '✓' : '*');
  switch (event.kind) {
    case 'runStarted':
      return `${event.resumed ? 'Resuming' : 'Run folder'} ${formatPath(event.folder)}`;
    case 'stageStarted':
      return terminal.live ? undefined : `  ${event.stage} ...`;
    case 'stageFinished':
      return `${done} ${event.stage.padEnd(9)} ${formatDuration(event.ms)}`;
    case 'generationFinished':
      return terminal.live
        ? undefined
        : `  generation ${event.generation}: best ${formatFitness(event.best)}, median ${formatFitness(event.median)}, ${formatMs(event.ms)}`;
    case 'figure':
      return `  ${event.name.padEnd(11)} perplexity ${formatFitness(event.figure.perplexity)}`;
    case 'exported':
      return `  ${event.report.form.padEnd(11)} ${bytesText(event.report.bytes)}`;
    case 'compared':
      return event.row === null ? undefined : rowLine(event.row, event, terminal);
    case 'log':
      if (event.level === 'debug') return undefined;
      if (event.level === 'info') return `  ${event.text}`;
      return `${styled(terminal, 'yellow', `${event.level}:`)} ${event.text}`;
    default:
      return undefined;
  }
}

/** A row of a comparison; where no live line says how far it is, the row does. */
function rowLine(
  { method, pattern, scope, perplexity }: CompareRow,
  event: Extract<RunEventBody, { readonly kind: 'compared' }>,
  { live }: Terminal,
): string {
  const where = scope === 'structured' || method === 'dense' ? '' : scope;
  const title = `${where.padEnd(3)}  ${pattern.padEnd(8)}  ${method.padEnd(13)}`;
  const { done, total, etaMs = null } = event;
  const left = etaMs === null || done === total ? '' : `, ${formatDuration(etaMs)} left`;
  const far = live ? '' : `  (${done} of ${total}${left})`;
  return `  ${title}  perplexity ${formatFitness(perplexity)}${far}`;
}
