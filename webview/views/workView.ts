import type { SubnetWork } from '../../src/dashboard/model/subnetWork.ts';
import { stageTitles } from '../../src/protocol/runWords.ts';
import { el, icon, onChange, setAttribute, setText, show } from '../dom.ts';
import { formatSpan } from '../format.ts';
import { firstRun } from '../store.ts';
import type { Page, View } from './view.ts';

/** Work on a subnet after the run: how far it is, then what came out of it. */
export function createWorkView(page: Page): View {
  const sign = el('span');
  const title = el('strong');
  const words = el('p');
  const fill = el('span', { class: 'stage-bar-fill' });
  const bar = el(
    'div',
    { class: 'stage-bar', role: 'progressbar', aria: { valuemin: '0', valuemax: '100' } },
    fill,
  );
  const element = el(
    'div',
    { class: 'banner info work', hidden: true },
    sign,
    el('div', {}, title, words, bar),
  );
  const drawSign = onChange((name: string, spins: boolean) => {
    sign.replaceChildren(icon(name, spins));
  });
  let announced: string | null | undefined;
  return {
    element,
    update(state) {
      const run = firstRun(state);
      if (run === undefined) return;
      const { work } = run.model;
      const isBusy = (state.standing[run.head.id]?.busyWith ?? null) !== null;
      // Work that was broken off neither goes on nor has a result.
      const shown = work !== null && (work.result !== null || isBusy);
      show(element, shown);
      if (!shown) return;
      const ended = work.result !== null;
      drawSign(ended ? 'pass' : 'sync', !ended);
      setText(title, ended ? `${work.title} finished` : work.title);
      setText(words, work.result ?? progressWords(work, Date.now()));
      show(bar, !ended);
      const percent = Math.floor(100 * shareDone(work));
      setAttribute(bar, 'aria-label', work.title);
      setAttribute(bar, 'aria-valuenow', String(percent));
      if (fill.style.width !== `${percent}%`) fill.style.width = `${percent}%`;
      // What was there when the page opened is no news.
      if (announced !== undefined && work.result !== null && announced !== work.result) {
        page.announce(work.result);
      }
      announced = work.result;
    },
    dispose: () => undefined,
  };
}

/** How far work is: its stage, its progress there, and the time since it began. */
export function progressWords(work: SubnetWork, nowMs: number): string {
  const { stage, total, startedMs } = work;
  const percent = total > 0 ? `, ${Math.floor(100 * shareDone(work))}%` : '';
  const name = stage === null ? 'Starting' : `${stageTitles[stage]}${percent}`;
  return `${name} · ${formatSpan(nowMs - startedMs)} elapsed`;
}

function shareDone({ done, total }: SubnetWork): number {
  return total > 0 ? Math.min(1, done / total) : 0;
}
