import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import { outcomeOf } from '../data/quality.ts';
import { figureTitles } from '../../src/protocol/runWords.ts';
import { areAlike, incomparableText, perplexityKey, searchKey } from '../data/comparable.ts';
import { el, icon, onChange, setText } from '../dom.ts';
import { formatScore, formatShare, UNKNOWN } from '../format.ts';
import { measures, PERPLEXITY } from '../views/figuresView.ts';
import { fitnessName, lowerFirst } from '../views/fitnessName.ts';
import { shownState, stateWords } from '../views/runState.ts';
import type { State } from '../store.ts';
import { createScrollFrame } from '../table/scrollFrame.ts';
import type { View } from '../views/view.ts';
import { comparedRuns } from './comparedRuns.ts';

/** The figures of runs side by side, the best of each marked where they compare. */
export function createCompareTableView(): View {
  const head = el('tr');
  const note = el('p', { class: 'note' });
  const body = el('tbody');
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Figures of each run' } },
    el('div', { class: 'panel-head' }, el('h2', { text: 'Figures of each run' })),
    createScrollFrame(
      el(
        'table',
        { class: 'table', aria: { label: 'Figures of each run' } },
        el('thead', {}, head),
        body,
      ),
      'Figures of each run',
    ),
    note,
  );
  let state: State | undefined;
  const draw = onChange((...inputs: unknown[]) => {
    void inputs;
    if (state === undefined) return;
    const runs = comparedRuns(state);
    head.replaceChildren(
      el('td'),
      ...runs.map((run) =>
        el('th', { class: 'figures', text: run.head.name, attributes: { scope: 'col' } }),
      ),
    );
    const standing = state.standing;
    body.replaceChildren(
      words('State', runs, (run) => {
        const id = run.head.id;
        return stateWords(shownState(run, standing[id]), standing[id]?.queuePlace ?? null).word;
      }),
      words('Model', runs, ({ head: { model } }) => model?.family ?? UNKNOWN),
      words('Keeps', runs, ({ head: { ratio } }) =>
        ratio === null ? UNKNOWN : formatShare(ratio),
      ),
      line(searchTitle(runs), runs, bestFitness, formatScore, areAlike(runs, searchKey)),
      words('Evaluated', runs, (run) => {
        const outcome = outcomeOf(run);
        return outcome === null ? UNKNOWN : figureTitles[outcome.name];
      }),
      ...measures.map(({ title, of, format, step }) => {
        // Times of two moments do not compare; perplexities only on the same text and windows.
        const ranks = step === undefined && (title !== PERPLEXITY || areAlike(runs, perplexityKey));
        return line(title, runs, (run) => valueOf(run, of), format, ranks);
      }),
    );
    setText(note, incomparableText(runs));
  });
  return {
    element,
    update(next) {
      state = next;
      const runs = next.order.map((id) => next.runs[id]?.model);
      draw(next.standing, ...runs);
    },
    dispose: () => undefined,
  };
}

/** What the searches judge by, where that is one figure. */
function searchTitle(runs: readonly RunSnapshot[]): string {
  const names = new Set(runs.map(fitnessName));
  return names.size === 1 ? `Best ${lowerFirst([...names][0]!)}` : 'Best search figure';
}

function valueOf(run: RunSnapshot, of: (figure: Figure) => number | null): number | null {
  const outcome = outcomeOf(run);
  return outcome === null ? null : of(outcome.figure);
}

function bestFitness({ model }: RunSnapshot): number | null {
  let best = Infinity;
  for (const { fitness } of model.candidates) if (fitness < best) best = fitness;
  return Number.isFinite(best) ? best : null;
}

function words(
  title: string,
  runs: readonly RunSnapshot[],
  of: (run: RunSnapshot) => string,
): HTMLElement {
  return el(
    'tr',
    {},
    el('th', { class: 'words', text: title, attributes: { scope: 'row' } }),
    ...runs.map((run) => el('td', { class: 'figures', text: of(run) })),
  );
}

/** Smaller is better in all figures. @param ranks  whether the best is marked */
function line(
  title: string,
  runs: readonly RunSnapshot[],
  of: (run: RunSnapshot) => number | null,
  format: (value: number) => string,
  ranks: boolean,
): HTMLElement {
  const values = runs.map(of);
  const known = values.filter((value) => value !== null);
  const best = ranks && known.length > 1 && new Set(known).size > 1 ? Math.min(...known) : null;
  return el(
    'tr',
    {},
    el('th', { class: 'words', text: title, attributes: { scope: 'row' } }),
    ...values.map((value) => {
      const cell = el('td', { class: 'figures', text: value === null ? UNKNOWN : format(value) });
      if (value !== null && value === best) {
        cell.classList.add('best');
        cell.prepend(icon('star-full'), el('span', { class: 'spoken', text: 'best: ' }));
      }
      return cell;
    }),
  );
}
