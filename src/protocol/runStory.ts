import type { RunEvent, RunEventBody, UnknownRunEvent } from './runEvent.ts';
import type { ExportReport, Figure, SubnetReport } from './runRecord.ts';
import { exportTitles, figureTitles, stageTitles } from './runWords.ts';
import { bytesText, countText, digitsText } from './sizeText.ts';

/** A line of a run's log. */
export interface StoryLine {
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  /** A whole sentence, without a date. */
  readonly text: string;
}

/**
 * What an event means in a sentence for the log of its run.
 * @returns null for events that say nothing by themselves: progress, and each subnet of the search
 */
export function storyLine(event: RunEvent | RunEventBody | UnknownRunEvent): StoryLine | null {
  switch (event.kind) {
    case 'log':
      return { level: event.level, text: event.text };
    case 'runStarted':
      return info(event.resumed ? 'The run was resumed.' : 'The run started.');
    case 'runFinished':
      return info(`The run finished after ${durationText(event.ms)}.`);
    case 'runStopped':
      return info('The run was paused.');
    case 'runFailed':
      return { level: 'error', text: `The run failed. ${event.message}` };
    case 'stagesPlanned':
      return info(planText(event.stages));
    case 'stageStarted':
      return info(`${stageTitles[event.stage]} started.`);
    case 'stageFinished':
      return info(`${stageTitles[event.stage]} finished after ${durationText(event.ms)}.`);
    case 'denseEvaluated':
      return info(`Dense model on the search windows: ${scoreText(event.fitness)}.`);
    case 'generationFinished': {
      const { generation, best, median, ms } = event;
      const name = generation === 0 ? 'Initial subnets' : `Generation ${generation}`;
      const figures = `best ${scoreText(best)}, median ${scoreText(median)}`;
      return info(`${name}: ${figures}, after ${durationText(ms)}.`);
    }
    case 'figure':
      return info(`${figureTitles[event.name]}: ${figureText(event.figure)}.`);
    case 'blockSparsified': {
      const [kept, size] = event.maps.reduce(([k, s], map) => [k + map.kept, s + map.size], [0, 0]);
      const share = size === 0 ? '' : `: ${Math.round((100 * kept) / size)}% of its weights kept`;
      return { level: 'debug', text: `Block ${event.block} made sparse${share}.` };
    }
    case 'exported':
      return info(`${exportText(event.report)}.`);
    case 'subnetStarted':
      return info(`${workText(event)} started.`);
    case 'subnetReported':
      return info(reportText(event.report));
    case 'evaluated':
    case 'reformJudged':
    case 'stageProgress':
    case 'deviceChosen':
    case 'comparisonStarted':
    case 'compared':
    case 'unknown':
      return null;
  }
}

/** What was asked for a subnet, e.g. `Reform and export of subnet 1a2b3c4d`. */
export function workText({
  key,
  reform,
  evaluate,
  forms,
}: Pick<
  Extract<RunEventBody, { readonly kind: 'subnetStarted' }>,
  'key' | 'reform' | 'evaluate' | 'forms'
>): string {
  const parts = [
    ...(reform ? ['reform'] : []),
    ...(evaluate ? ['evaluation'] : []),
    ...(forms.length > 0 ? ['export'] : []),
  ];
  const all = [parts.slice(0, -1).join(', '), ...parts.slice(-1)].filter(Boolean).join(' and ');
  return capital(`${all === '' ? 'work' : all} of subnet ${shortKey(key)}`);
}

/** What is known of a subnet after work on it, in a sentence. */
export function reportText({ key, figure, reformed, exports }: SubnetReport): string {
  const parts = [
    ...(figure === null ? [] : [figureText(figure)]),
    ...(reformed === null ? [] : [`reformed: ${figureText(reformed)}`]),
    ...exports.map(({ form, bytes }) => `${exportTitles[form]}, ${bytesText(bytes)}`),
  ];
  return `Subnet ${shortKey(key)}: ${parts.length === 0 ? 'nothing new' : parts.join('; ')}.`;
}

function planText(
  stages: readonly { readonly stage: keyof typeof stageTitles; readonly ms: number }[],
) {
  const total = stages.reduce((sum, { ms }) => sum + ms, 0);
  const each = stages.map(({ stage, ms }) => `${stageTitles[stage]} ${durationText(ms)}`);
  return `Planned: ${each.join(', ')}. Expected to take about ${durationText(total)}.`;
}

function figureText({ perplexity, params, bytes }: Figure): string {
  return `held-out perplexity ${scoreText(perplexity)}, ${countText(params)} parameters, ${bytesText(bytes)}`;
}

function exportText({ form, bytes, verified }: ExportReport): string {
  const words = `${exportTitles[form]} exported: ${bytesText(bytes)}`;
  return verified === null ? words : `${words}, verified on ${verified.tokens} tokens`;
}

/** A length of time: `0.4 s`, `42 s`, `3 min 5 s`, `2 h 07 min`. */
export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

function scoreText(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return 'infinite';
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) {
    return value.toExponential(2);
  }
  return digitsText(value, value >= 1000 ? 6 : 4);
}

function shortKey(key: string): string {
  return key.slice(0, 8);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function info(text: string): StoryLine {
  return { level: 'info', text };
}
