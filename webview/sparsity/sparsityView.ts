import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { SparsityRecord } from '../../src/protocol/sparsityRecord.ts';
import { readCanvasTheme, type CanvasTheme } from '../draw/canvasTheme.ts';
import { sparsifyOf } from '../data/sparseRun.ts';
import { el, onChange, setText, show } from '../dom.ts';
import { createAnswers, nothing, type Loaded } from '../heatmap/answers.ts';
import type { BitPlane } from '../heatmap/planeMips.ts';
import { firstRun, type State } from '../store.ts';
import type { Page, View } from '../views/view.ts';
import { createDensitiesView } from './densitiesView.ts';
import { densitiesOf, type Densities, type WeightCell } from './densities.ts';
import { createPatternView } from './patternView.ts';
import { createWeightView } from './weightView.ts';

/** Answers kept: a weight of the largest models is 30 MB of bits. */
const MOST_ANSWERS = 5;

/** Where a run put zeros: how full each weight is, and which weights of one are kept. */
export function createSparsityView(page: Page): View {
  const answers = createAnswers(MOST_ANSWERS, refresh);
  const { retry } = answers;
  const densitiesView = createDensitiesView(page, retry);
  const weight = createWeightView();
  const pattern = createPatternView({
    announce: (text) => {
      page.announce(text);
    },
    onRetry: retry,
  });
  const wait = el('p', { class: 'empty-words' });
  const side = el('div', { class: 'column' }, weight.element, wait);
  const element = el(
    'div',
    { class: 'heatmap sparsity' },
    el(
      'div',
      { class: 'sparsity-top' },
      el('div', { class: 'column' }, densitiesView.element),
      side,
    ),
    pattern.element,
  );
  let state: State | null = null;
  let theme: CanvasTheme | null = null;
  const takeTheme = onChange((_version: number) => {
    theme = readCanvasTheme(element);
  });
  let densities: Densities | null = null;
  const gather = onChange(
    (
      _model: RunSnapshot['model']['densities'],
      _record: SparsityRecord | null,
      run: RunSnapshot,
    ) => {
      densities = densitiesOf(run, _record);
    },
  );
  return {
    element,
    update(next) {
      state = next;
      takeTheme(page.themeVersion());
      refresh();
    },
    dispose() {
      answers.dispose();
      weight.dispose();
      pattern.dispose();
      densitiesView.dispose();
    },
  };

  function refresh(): void {
    const run = state === null ? undefined : firstRun(state);
    if (state === null || run === undefined || theme === null) return;
    const record = recordOf(run);
    gather(run.model.densities, record.value, run);
    if (densities === null) return;
    const selected = selectedOf(densities, state);
    const { palette, selection } = state;
    densitiesView.show({ run, densities, record, selected, theme, palette, selection });
    const found = selected?.found ?? null;
    show(weight.element, found !== null);
    show(pattern.element, found !== null);
    show(wait, found === null);
    setText(wait, record.failed ?? waitWords(run));
    if (found === null || record.value === null) return;
    const { method, pattern: text } = record.value;
    weight.show(found, method, text, theme);
    const plane = planeOf(run, found.block, found.map);
    pattern.show({ found, pattern: text, plane, palette, theme });
  }

  function recordOf(run: RunSnapshot): Loaded<SparsityRecord> {
    if (!run.hasSparsity) return nothing;
    // A stage that is run again writes another record.
    const stage = run.model.stages.find((one) => one.stage === 'sparsify');
    const { id } = run.head;
    return answers.get('record', id, `record ${stage?.state}`, () => page.zeros.record(id));
  }

  function planeOf(run: RunSnapshot, block: number, map: WeightCell['map']): Loaded<BitPlane> {
    const { id } = run.head;
    const what = `${block} ${map}`;
    return answers.get(what, id, what, () => page.zeros.pattern(id, block, map));
  }
}

/** The weight that was chosen; the first that has a record while none was. */
function selectedOf({ cells }: Densities, { selection }: State): WeightCell | null {
  const { sparseBlock, sparseMap } = selection;
  const chosen = cells.find((cell) => cell?.block === sparseBlock && cell.map === sparseMap);
  return chosen ?? cells.find((cell) => cell !== null && cell.found !== null) ?? null;
}

function waitWords(run: RunSnapshot): string {
  const { method } = sparsifyOf(run);
  if (run.hasSparsity) return 'Reading…';
  return run.model.densities.length > 0
    ? 'Scores and the pattern of single weights can be seen when all blocks have their zeros.'
    : `The zeros${method === 'none' ? '' : ` of ${method}`} appear when the Sparsify stage begins, block by block.`;
}
