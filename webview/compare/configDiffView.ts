import { createCheckbox } from '../controls/checkbox.ts';
import { compareConfigs } from '../data/configDiff.ts';
import { el, onChange, setText, show } from '../dom.ts';
import { UNKNOWN } from '../format.ts';
import { createScrollFrame } from '../table/scrollFrame.ts';
import type { Page, View } from '../views/view.ts';
import { comparedRuns } from './comparedRuns.ts';

/** What was set differently. */
export function createConfigDiffView(page: Page): View {
  const all = createCheckbox('Show what is equal too', (checked) => {
    page.choose({ allConfig: checked });
  });
  const head = el('tr');
  const body = el('tbody');
  const frame = createScrollFrame(
    el(
      'table',
      { class: 'table', aria: { label: 'Config of each run' } },
      el('thead', {}, head),
      body,
    ),
    'Config of each run',
  );
  const empty = el('p', { class: 'empty-words' });
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Config difference' } },
    el(
      'div',
      { class: 'panel-head' },
      el('h2', { text: 'Config differences' }),
      el('div', { class: 'tools' }, all.element),
    ),
    empty,
    frame,
  );
  const draw = onChange(
    (everything: boolean, names: string, ...configs: Record<string, unknown>[]) => {
      const lines = compareConfigs(configs);
      const visible = everything ? lines : lines.filter(({ differs }) => differs);
      show(empty, visible.length === 0);
      show(frame, visible.length > 0);
      setText(
        empty,
        'These runs were set up alike: what differs between them is chance, or the machine.',
      );
      head.replaceChildren(
        ...['Setting', ...(JSON.parse(names) as string[])].map((text) =>
          el('th', { class: 'words', text, attributes: { scope: 'col' } }),
        ),
      );
      body.replaceChildren(
        ...visible.map(({ field, values, differs }) =>
          el(
            'tr',
            { class: differs ? 'differs' : 'same' },
            el('th', { class: 'words', attributes: { scope: 'row' } }, el('code', { text: field })),
            ...values.map((value) => el('td', { class: 'words', text: value ?? UNKNOWN })),
          ),
        ),
      );
    },
  );
  return {
    element,
    update(state) {
      const runs = comparedRuns(state);
      all.set(state.selection.allConfig);
      const names = JSON.stringify(runs.map(({ head: { name } }) => name));
      draw(state.selection.allConfig, names, ...runs.map((run) => run.head.config));
    },
    dispose: () => undefined,
  };
}
