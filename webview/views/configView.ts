import type { ConfigField, ConfigView } from '../../src/protocol/panelApi.ts';
import { createButton } from '../controls/button.ts';
import { el, icon, onChange, setChildren, setText, show } from '../dom.ts';
import { firstRun } from '../store.ts';
import { createConfigField, type FieldRow } from './configField.ts';
import type { Page, View } from './view.ts';

/** The run's config as a form; what is changed is written to the file, where it can be undone. */
export function createConfigView(page: Page): View {
  const form = el('div', { class: 'config-form' });
  const note = el('div', { class: 'banner info', role: 'status' });
  const noteText = el('p');
  note.append(icon('info'), noteText);
  const title = el('h2', { text: 'Config' });
  const waiting = el('p', { class: 'empty-words', text: 'The config is being read…' });
  const problems = el('ul', { class: 'problems' });
  const rows = new Map<string, FieldRow>();
  let run = '';
  let asked = '';
  const open = createButton({
    ...{ label: 'Open Config', icon: 'go-to-file', look: 'secondary' },
    onPress: () => {
      page.act(run, 'openConfig');
    },
  });
  const element = el(
    'section',
    { class: 'panel config', aria: { label: 'Config' } },
    el('div', { class: 'panel-head' }, title, el('div', { class: 'tools' }, open.element)),
    note,
    problems,
    waiting,
    form,
  );

  const rowOf = (field: ConfigField): FieldRow => {
    const name = field.path.join('.');
    let row = rows.get(name);
    if (row === undefined) {
      row = createConfigField(field, async (value) => {
        await page.editConfig(run, field.path, value);
      });
      rows.set(name, row);
    }
    return row;
  };
  const draw = onChange((config: ConfigView) => {
    setText(title, config.fileName);
    const words = noteOf(config);
    setText(noteText, words);
    show(note, words !== '');
    const general = config.problems.filter(
      ({ field }) => !config.fields.some(({ path }) => path.join('.') === field),
    );
    problems.replaceChildren(
      ...general.map(({ line, field, expected, found }) =>
        el('li', {
          text: `Line ${line}${field === '' ? '' : `, ${field}`}: expected ${expected}, found ${found}.`,
        }),
      ),
    );
    const sections = new Map<string, HTMLElement[]>();
    for (const field of config.fields) {
      const row = rowOf(field);
      const name = field.path.join('.');
      row.update(
        field,
        config.problems.filter((problem) => problem.field === name),
        config.editable,
      );
      const section = field.path.length > 1 ? field.path[0]! : 'run';
      sections.set(section, [...(sections.get(section) ?? []), row.element]);
    }
    setChildren(
      form,
      [...sections].map(([name, fields]) => sectionOf(name, fields)),
    );
  });
  const groups = new Map<string, HTMLElement>();
  const sectionOf = (name: string, fields: readonly HTMLElement[]): HTMLElement => {
    let group = groups.get(name);
    if (group === undefined) {
      const heading = el('h3', { text: name.charAt(0).toUpperCase() + name.slice(1) });
      group = el('section', { class: 'config-section', aria: { label: name } }, heading, el('div'));
      groups.set(name, group);
    }
    setChildren(group.lastElementChild!, fields);
    return group;
  };

  return {
    element,
    update(state) {
      const first = firstRun(state);
      if (first === undefined) return;
      run = first.head.id;
      const config = state.configs[run];
      show(waiting, config === undefined);
      if (config !== undefined) return draw(config);
      show(note, false);
      if (asked === run) return;
      asked = run;
      page.loadConfig(run);
    },
    dispose: () => undefined,
  };
}

function noteOf({ editable, why, changed }: ConfigView): string {
  if (!editable) return why;
  return changed
    ? 'The file has changed since this run began; the run goes on with what it was started with. Run it again to use the new settings.'
    : '';
}
