import type { ConfigField, ConfigView } from '../../src/protocol/panelApi.ts';
import { createButton } from '../controls/button.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { el, icon, onChange, setChildren, setText, show } from '../dom.ts';
import { firstRun } from '../store.ts';
import { createConfigField, type Draft, type FieldRow } from './configField.ts';
import type { Page, View } from './view.ts';

/** Whose settings are shown: those the run was started with, or those of the file now. */
type Source = 'run' | 'file';

/**
 * The settings of the run, which nothing changes, and the config file of the next run as a form: what is
 * changed there is written when it is saved, and can be undone in the editor.
 */
export function createConfigView(page: Page): View {
  const form = el('div', { class: 'config-form' });
  const note = el('div', { class: 'banner info', role: 'status' });
  const noteText = el('p');
  note.append(icon('info'), noteText);
  const title = el('h2', { text: 'Config' });
  const waiting = el('p', { class: 'empty-words', text: 'Reading the config…' });
  const problems = el('ul', { class: 'problems' });
  const rows = new Map<string, FieldRow>();
  const drafts = new Map<string, Draft & { readonly path: readonly string[] }>();
  let run = '';
  let asked = '';
  let chosen: Source | null = null;
  let shown: { readonly config: ConfigView; readonly source: Source } | undefined;
  const sources = createDropdown({
    ...{ label: 'Settings shown', showLabel: false },
    choices: [
      ['run', 'Settings of this run'],
      ['file', 'Config file'],
    ],
    onChoose: (value) => {
      chosen = value as Source;
      page.again();
    },
  });
  const open = createButton({
    ...{ label: 'Open Config', icon: 'go-to-file', look: 'secondary' },
    onPress: () => {
      page.act(run, 'openConfig');
    },
  });
  const save = createButton({
    ...{ label: 'Save to File', icon: 'save', look: 'primary' },
    onPress: () => {
      void saveDrafts();
    },
  });
  const discard = createButton({
    ...{ label: 'Discard Changes', icon: 'discard', look: 'secondary' },
    onPress: () => {
      drafts.clear();
      redraw();
    },
  });
  save.element.dataset['action'] = 'saveConfig';
  const saving = el('div', { class: 'actions' }, save.element, discard.element);
  const tools = el('div', { class: 'tools' }, saving, sources.element, open.element);
  const element = el(
    'section',
    { class: 'panel config', aria: { label: 'Config' } },
    el('div', { class: 'panel-head' }, title, tools),
    note,
    problems,
    waiting,
    form,
  );

  async function saveDrafts(): Promise<void> {
    for (const [name, { path, value }] of [...drafts]) {
      try {
        await page.editConfig(run, path, value);
        drafts.delete(name);
      } catch (error) {
        rows.get(`file ${name}`)?.complain(error instanceof Error ? error.message : String(error));
      }
    }
    redraw();
    page.announce(drafts.size === 0 ? 'Saved to the config file.' : 'Some changes were not saved.');
  }

  const rowOf = (field: ConfigField, source: Source): FieldRow => {
    const name = field.path.join('.');
    const key = `${source} ${name}`;
    let row = rows.get(key);
    if (row === undefined) {
      row = createConfigField(field, (value) => {
        drafts.set(name, { path: field.path, value });
        redraw();
      });
      rows.set(key, row);
    }
    return row;
  };
  const redraw = (): void => {
    if (shown !== undefined) drawNow(shown.config, shown.source);
  };
  const drawNow = (config: ConfigView, source: Source): void => {
    shown = { config, source };
    const ofFile = source === 'file';
    setText(title, ofFile ? config.fileName : 'Settings of this run');
    show(saving, ofFile && drafts.size > 0);
    const words = noteOf(config, source);
    setText(noteText, words);
    show(note, words !== '');
    const fields = ofFile ? config.fields : config.own;
    const found = ofFile ? config.problems : [];
    const general = found.filter(
      ({ field }) => !fields.some(({ path }) => path.join('.') === field),
    );
    problems.replaceChildren(
      ...general.map(({ line, message }) =>
        el('li', {
          text: `Line ${line}: ${message}.`,
        }),
      ),
    );
    const sections = new Map<string, HTMLElement[]>();
    for (const field of fields) {
      const row = rowOf(field, source);
      const name = field.path.join('.');
      const own = found.filter((problem) => problem.field === name);
      row.update(field, own, ofFile && config.editable, ofFile ? drafts.get(name) : undefined);
      const section = field.path.length > 1 ? field.path[0]! : 'run';
      sections.set(section, [...(sections.get(section) ?? []), row.element]);
    }
    setChildren(
      form,
      [...sections].map(([name, members]) => sectionOf(name, members)),
    );
  };
  const draw = onChange(drawNow);
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
      const source = chosen ?? (first.model.startedMs === null ? 'file' : 'run');
      sources.set(source);
      if (config !== undefined) return draw(config, source);
      show(note, false);
      show(saving, false);
      if (asked === run) return;
      asked = run;
      page.loadConfig(run);
    },
    dispose: () => undefined,
  };
}

function noteOf({ editable, why, changed, fileName }: ConfigView, source: Source): string {
  if (source === 'run') {
    const since = changed ? ` ${fileName} has changed since then.` : '';
    return `The run uses the settings it was started with.${since} To change settings for another run, choose Config file.`;
  }
  if (!editable) return why;
  return changed
    ? 'The file has changed since this run started. Run it again to use the new settings.'
    : '';
}
