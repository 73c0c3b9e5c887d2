import { onDevice } from '../../src/protocol/deviceTitle.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import type { SpeedChange, TimedStep } from '../../src/protocol/speedChange.ts';
import { formatMoment, formatMs } from '../format.ts';

/** What is known of the speed of one model beside another; empty when nothing is. */
export function speedText(change: SpeedChange): string {
  switch (change.kind) {
    case 'faster':
      return `${change.factor.toFixed(2)}× faster`;
    case 'slower':
      return `${(1 / change.factor).toFixed(2)}× slower`;
    case 'none':
      return 'no difference';
    case 'unknown':
      return '';
  }
}

/** A time with its quartiles: `57.1 ms (56.0 to 58.3)`; without them in records of older versions. */
export function timeText(step: TimedStep, figure: Figure): string {
  const spread = spreadText(step, figure);
  return `${formatMs(msOf(step, figure))}${spread === '' ? '' : ` (${spread})`}`;
}

/** The quartiles of a time: `56.0 ms to 58.3 ms`; empty when they were not recorded. */
export function spreadText(step: TimedStep, { timing }: Figure): string {
  if (timing === undefined) return '';
  const { lower, upper } = timing[step];
  const [from, to] = [formatMs(lower), formatMs(upper)];
  return from === to ? `±0` : `${from} to ${to}`;
}

/** How and when the times of a run were taken, in a sentence; empty for records of older versions. */
export function timingNote(figures: readonly Figure[]): string {
  const timing = figures.map((figure) => figure.timing).find((one) => one !== undefined);
  if (timing === undefined) return '';
  const { rounds, device, threads, takenMs } = timing;
  const where = `${onDevice(device)}${threads === null ? '' : `, ${threads} threads`}`;
  const beside = timing.ratio === null ? '' : ', in turns with the dense model';
  return `Times are medians of ${rounds} rounds with their quartiles${beside}, ${where}, ${formatMoment(takenMs)}. A difference inside the spread is shown as none.`;
}

function msOf(step: TimedStep, { prefillMs, decodeMs }: Figure): number {
  return step === 'prefill' ? prefillMs : decodeMs;
}
