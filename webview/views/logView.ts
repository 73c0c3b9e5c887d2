import type { LogLine } from '../../src/dashboard/model/runModel.ts';
import { createButton } from '../controls/button.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { el, icon, onChange, setText, show } from '../dom.ts';
import { formatClock } from '../format.ts';
import type { Selection } from '../selection.ts';
import { firstRun } from '../store.ts';
import type { Page, View } from './view.ts';

type Level = LogLine['level'];
const levels: readonly Level[] = ['debug', 'info', 'warning', 'error'];
const icons: Readonly<Record<Level, string>> = {
  debug: 'bug',
  info: 'info',
  warning: 'warning',
  error: 'error',
};

/** The last lines of the run's log. */
export function createLogView(page: Page): View {
  let run = '';
  const level = createDropdown({
    ...{ label: 'Lines shown', showLabel: false },
    choices: [
      ['debug', 'Everything'],
      ['info', 'Info and worse'],
      ['warning', 'Warnings and worse'],
      ['error', 'Errors'],
    ],
    onChoose: (value) => {
      page.choose({ logLevel: value as Selection['logLevel'] });
    },
  });
  const open = createButton({
    ...{ label: 'Show Whole Log', icon: 'output', look: 'secondary' },
    onPress: () => {
      page.act(run, 'openLog');
    },
  });
  const list = el('ol', { class: 'log', tabIndex: 0, aria: { label: 'Last lines of the log' } });
  const empty = el('p', { class: 'empty-words' });
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Log' } },
    el(
      'div',
      { class: 'panel-head' },
      el('h2', { text: 'Log' }),
      el('div', { class: 'tools' }, level.element, open.element),
    ),
    empty,
    list,
  );
  const draw = onChange((log: readonly LogLine[], least: Level) => {
    const lines = log.filter((line) => levels.indexOf(line.level) >= levels.indexOf(least));
    show(empty, lines.length === 0);
    show(list, lines.length > 0);
    setText(empty, log.length === 0 ? 'The log is empty.' : 'No line of this level.');
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
    list.replaceChildren(...lines.map(lineNode));
    if (atEnd) list.scrollTop = list.scrollHeight;
  });
  return {
    element,
    update(state) {
      const first = firstRun(state);
      if (first === undefined) return;
      run = first.head.id;
      level.set(state.selection.logLevel);
      draw(first.model.log, state.selection.logLevel);
    },
    dispose: () => undefined,
  };
}

function lineNode({ level, text, timeMs }: LogLine): HTMLElement {
  return el(
    'li',
    { class: `log-${level}` },
    el('time', { text: formatClock(timeMs) }),
    icon(icons[level]),
    el('span', { class: 'spoken', text: level }),
    el('span', { class: 'log-text', text }),
  );
}
