import type { StageModel } from '../../src/dashboard/model/runModel.ts';
import type { RunState } from '../../src/protocol/runRecord.ts';
import { planOf } from '../../src/dashboard/model/runPlan.ts';
import { stageNames, stageTitles, type StageName } from '../../src/protocol/runWords.ts';
import { el, icon, onChange, setAttribute, setText, show } from '../dom.ts';
import { formatLeft, formatSpent } from '../format.ts';
import { firstRun } from '../store.ts';
import { followOverflow } from '../table/scrollFrame.ts';
import { stateOf } from './runState.ts';
import type { Page, View } from './view.ts';

/** The stages that a run was set up to do, in a row, with time spent and time left. */
export function createStageStripView(page: Page): View {
  const cells = stageNames.map(createCell);
  const element = el(
    'ol',
    { class: 'stages', aria: { label: 'Stages of the run' } },
    ...cells.map(({ element: cell }) => cell),
  );
  const bring = onChange((at: number) => {
    const cell = cells[at]?.element;
    // In a narrow panel the stages are one line that scrolls.
    if (cell !== undefined) element.scrollLeft = cell.offsetLeft;
  });
  followOverflow(element, [element], () => undefined);
  let before: string | null = null;
  return {
    element,
    update(state) {
      const run = firstRun(state);
      if (run === undefined) return;
      const now = stateOf(run, state.standing[run.head.id]);
      const planned = new Set(planOf(run.head.config).stages);
      run.model.stages.forEach((stage, at) => {
        const cell = cells[at];
        if (cell === undefined) return;
        cell.update(stage, now);
        show(cell.element, planned.has(stage.stage) || stage.startedMs !== null);
      });
      bring(run.model.stages.findIndex((stage) => stage.state === 'running'));
      const current = run.model.stages.find((stage) => stage.state === 'running')?.stage;
      const said = current === undefined ? now : `${stageTitles[current]} started`;
      if (before !== null && before !== said) page.announce(said);
      before = said;
    },
    dispose: () => undefined,
  };
}

interface Cell {
  readonly element: HTMLElement;
  update(stage: StageModel, run: RunState): void;
}

function createCell(name: StageName): Cell {
  const mark = el('span', { class: 'stage-mark' });
  const spent = el('span', { class: 'stage-spent' });
  const left = el('span', { class: 'stage-left' });
  const bar = el('span', { class: 'stage-bar-fill' });
  const element = el(
    'li',
    { class: 'stage' },
    el('div', { class: 'stage-name' }, mark, el('span', { text: stageTitles[name] })),
    el('div', { class: 'stage-times' }, spent, left),
    el('div', { class: 'stage-bar', aria: { hidden: 'true' } }, bar),
  );
  let look = '';
  return {
    element,
    update(stage, run) {
      const kind = lookOf(stage, run);
      if (kind !== look) {
        look = kind;
        element.className = `stage ${kind}`;
        const [name, spins, word] = marks[kind];
        mark.replaceChildren(icon(name, spins), el('span', { class: 'spoken', text: word }));
        setAttribute(element, 'aria-current', kind === 'running' ? 'step' : null);
      }
      setText(spent, spentWords(stage));
      setText(left, leftWords(stage, kind));
      const share = stage.total > 0 ? Math.min(1, stage.done / stage.total) : 0;
      const width = `${(kind === 'done' ? 1 : share) * 100}%`;
      if (bar.style.width !== width) bar.style.width = width;
    },
  };
}

type Look = 'waiting' | 'running' | 'done' | 'paused' | 'failed';

const marks: Readonly<Record<Look, readonly [icon: string, spins: boolean, word: string]>> = {
  waiting: ['circle-large', false, 'waiting'],
  running: ['sync', true, 'running'],
  done: ['pass-filled', false, 'done'],
  paused: ['debug-pause', false, 'paused'],
  failed: ['error', false, 'failed'],
};

function lookOf(stage: StageModel, run: RunState): Look {
  if (stage.state === 'done') return 'done';
  const begun = stage.startedMs !== null;
  if (run === 'failed' && begun) return 'failed';
  if (run === 'running') return stage.state === 'running' ? 'running' : 'waiting';
  return begun ? 'paused' : 'waiting';
}

function spentWords(stage: StageModel): string {
  if (stage.startedMs === null) return '';
  const running = stage.state === 'running' ? Math.max(0, Date.now() - stage.startedMs) : 0;
  // Tenths of a second tell of a stage that is over; of one that runs they would only flicker.
  const ms = stage.spentMs + running;
  return formatSpent(stage.state === 'running' ? Math.floor(ms / 1000) * 1000 : ms);
}

function leftWords(stage: StageModel, look: Look): string {
  if (look !== 'running') return '';
  if (stage.etaMs !== null && stage.done < stage.total) {
    const since = stage.etaAtMs === null ? 0 : Math.max(0, Date.now() - stage.etaAtMs);
    return formatLeft(Math.max(0, stage.etaMs - since));
  }
  if (stage.total > 0) return `${Math.floor((100 * stage.done) / stage.total)}\u00a0%`;
  return '';
}
