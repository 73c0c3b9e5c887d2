import type { ConfigField } from '../../src/protocol/panelApi.ts';
import type { ConfigProblem } from '../../src/protocol/configProblem.ts';
import { createButton } from '../controls/button.ts';
import { createCheckbox } from '../controls/checkbox.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { createTextField } from '../controls/textField.ts';
import { el, icon, setText, show } from '../dom.ts';

/** A value that was chosen and not saved yet; null takes the field out of the file. */
export interface Draft {
  readonly value: Value;
}

/** A field of the form. */
export interface FieldRow {
  readonly element: HTMLElement;
  /** @param draft  shown in place of the value of the file; undefined: there is none */
  update(
    field: ConfigField,
    problems: readonly ConfigProblem[],
    editable: boolean,
    draft: Draft | undefined,
  ): void;
  /** Shows what is wrong with the value; empty: nothing is. */
  complain(text: string): void;
}

/** Fields without a default: they can be changed, not left out. */
const needed: ReadonlySet<string> = new Set(['model', 'ratio', 'text']);

type Value = ConfigField['value'];

/** @param onEdit  told of a value that fits the field; null takes the field out of the file */
export function createConfigField(field: ConfigField, onEdit: (value: Value) => void): FieldRow {
  const name = field.path.slice(field.path.length > 1 ? 1 : 0).join('.');
  const words = el('span');
  const problem = el('p', { class: 'field-problem', role: 'alert' }, icon('error'), words);
  const complain = (text: string): void => {
    setText(words, text);
    show(problem, text !== '');
  };
  const origin = el('span', { class: 'quiet' });
  const send = (value: Value): void => {
    complain('');
    onEdit(value);
  };
  const control = controlOf(field, send, complain);
  const reset = createButton({
    ...{ label: `Reset ${name} to its default`, icon: 'discard', look: 'icon' },
    onPress: () => {
      send(null);
    },
  });
  const element = el(
    'div',
    { class: 'field' },
    el('div', { class: 'field-name' }, el('span', { text: name }), origin),
    el('div', { class: 'field-control' }, control.element, reset.element),
    el('p', { class: 'field-help', text: field.description }),
    problem,
  );
  return {
    element,
    complain,
    update(next, problems, editable, draft) {
      control.set(draft === undefined ? next.value : draft.value);
      control.enable(editable);
      const isDefault = draft === undefined ? next.isDefault : draft.value === null;
      const parts = [
        ...(isDefault ? ['default'] : []),
        ...(draft === undefined ? [] : ['not saved']),
      ];
      setText(origin, parts.join(', '));
      element.classList.toggle('changed', !isDefault);
      const fixed = isDefault || !editable || needed.has(field.path.join('.'));
      reset.element.classList.toggle('gone', fixed);
      reset.enable(!fixed);
      if (draft !== undefined) return;
      complain(
        problems.map(({ message }) => `${message[0]?.toUpperCase()}${message.slice(1)}.`).join(' '),
      );
    },
  };
}

interface Control {
  readonly element: HTMLElement;
  set(value: Value): void;
  enable(enabled: boolean): void;
}

function controlOf(
  field: ConfigField,
  send: (value: Value) => void,
  complain: (words: string) => void,
): Control {
  const label = field.path.join(' ');
  if (field.type === 'switch') {
    const box = createCheckbox('On', send, label);
    return {
      ...box,
      set: (value) => {
        box.set(value === true);
      },
    };
  }
  if (field.type === 'choice') {
    const choices = field.choices.map((choice) => [choice, choice] as const);
    const box = createDropdown({ label, showLabel: false, choices, onChoose: send });
    return {
      ...box,
      set: (value) => {
        box.set(String(value ?? ''));
      },
    };
  }
  const box = createTextField(label, (text) => {
    if (field.type === 'text') return send(text === '' ? null : text);
    if (text.trim() === '') return send(null);
    const value = Number(text);
    const words = wrongNumber(field, value);
    complain(words);
    if (words === '') send(value);
  });
  box.element.classList.add(field.type === 'text' ? 'wide' : 'narrow');
  return {
    ...box,
    set: (value) => {
      box.set(value === null ? '' : String(value));
    },
  };
}

/** What is wrong with a number; empty when nothing is. */
export function wrongNumber(
  { type, minimum, maximum }: Pick<ConfigField, 'type' | 'minimum' | 'maximum'>,
  value: number,
): string {
  const kind = type === 'integer' ? 'a whole number' : 'a number';
  const range = [
    ...(minimum === null ? [] : [`at least ${minimum}`]),
    ...(maximum === null ? [] : [`at most ${maximum}`]),
  ].join(' and ');
  const expected = `This must be ${kind}${range === '' ? '' : `, ${range}`}.`;
  if (!Number.isFinite(value) || (type === 'integer' && !Number.isInteger(value))) return expected;
  const low = minimum !== null && value < minimum;
  const high = maximum !== null && value > maximum;
  return low || high ? expected : '';
}
