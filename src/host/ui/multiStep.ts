import * as vscode from 'vscode';
import { cancelled } from '../../protocol/errors.ts';
import { shownChoice, type ListedChoice } from './messages.ts';

/** A choice of a step. */
export interface StepChoice extends ListedChoice {
  readonly value?: string;
  /** Asks elsewhere for the value, e.g. by a file dialog; undefined keeps the step open. */
  readonly browse?: () => Promise<string | undefined>;
}

/** One question of several. */
export interface Step {
  readonly placeholder: string;
  /** Choices to pick from; none for a step that is typed. */
  choices?(answers: readonly string[]): Promise<readonly StepChoice[]>;
  /** For a typed answer, also beside choices: what is wrong with it, or undefined. */
  validate?(text: string, answers: readonly string[]): Promise<string | undefined>;
  /** What a typed step begins with. */
  initial?(answers: readonly string[]): string;
}

/**
 * Asks one question after the other, with a way back.
 * @returns an answer per step
 * @throws EngineError `cancelled` when it was left
 */
export async function askSteps(title: string, steps: readonly Step[]): Promise<string[]> {
  const answers: string[] = [];
  while (answers.length < steps.length) {
    const at = answers.length;
    const step = steps[at];
    if (step === undefined) break;
    const place = { title, step: at + 1, totalSteps: steps.length };
    const answer = await (step.choices === undefined
      ? askTyped(step, answers, place)
      : askChosen(step, await step.choices(answers), answers, place));
    if (answer === BACK) answers.pop();
    else answers.push(answer);
  }
  return answers;
}

const BACK = Symbol('back');
interface Place {
  readonly title: string;
  readonly step: number;
  readonly totalSteps: number;
}

function askTyped(
  step: Step,
  answers: readonly string[],
  place: Place,
): Promise<string | typeof BACK> {
  const box = vscode.window.createInputBox();
  // A box that begins with an answer does not show its placeholder.
  box.prompt = step.placeholder;
  box.value = step.initial?.(answers) ?? '';
  const check = async (): Promise<boolean> => {
    const problem = await step.validate?.(box.value, answers);
    box.validationMessage = problem;
    return problem === undefined;
  };
  box.onDidChangeValue(() => void check());
  return shown(box, step, place, async (done) => {
    if (await check()) done(box.value.trim());
  });
}

function askChosen(
  step: Step,
  choices: readonly StepChoice[],
  answers: readonly string[],
  place: Place,
): Promise<string | typeof BACK> {
  const pick = vscode.window.createQuickPick<StepChoice>();
  pick.matchOnDescription = true;
  const typed = (text: string): StepChoice => ({ label: text, alwaysShow: true, value: text });
  pick.items = choices.map(shownChoice);
  if (step.validate !== undefined) {
    // What is typed can be taken too, after what it matches in the list.
    pick.onDidChangeValue((text) => {
      const listed = choices.some(({ label }) => label === text.trim());
      const items = text.trim() === '' || listed ? choices : [...choices, typed(text.trim())];
      pick.items = items.map(shownChoice);
    });
  }
  return shown(pick, step, place, async (done) => {
    const [chosen] = pick.selectedItems;
    if (chosen === undefined) return;
    pick.ignoreFocusOut = true;
    const value = chosen.browse === undefined ? chosen.value : await chosen.browse();
    if (value === undefined) return pick.show();
    const problem = await step.validate?.(value, answers);
    if (problem === undefined) done(value);
    else {
      pick.items = [{ icon: 'error', label: problem, alwaysShow: true }, ...choices].map(
        shownChoice,
      );
    }
  });
}

function shown(
  input: vscode.QuickPick<StepChoice> | vscode.InputBox,
  { placeholder }: Step,
  { title, step, totalSteps }: Place,
  accept: (done: (answer: string) => void) => Promise<void>,
): Promise<string | typeof BACK> {
  Object.assign(input, { title, step, totalSteps, placeholder });
  input.buttons = step > 1 ? [vscode.QuickInputButtons.Back] : [];
  return new Promise((resolve, reject) => {
    let browsing = false;
    const end = (settle: () => void): void => {
      settle();
      input.dispose();
    };
    input.onDidTriggerButton(() => end(() => resolve(BACK)));
    input.onDidAccept(() => {
      browsing = true;
      accept((answer) => end(() => resolve(answer)))
        .catch((error: unknown) => end(() => reject(error instanceof Error ? error : cancelled())))
        .finally(() => {
          browsing = false;
        });
    });
    input.onDidHide(() => {
      // A file dialog hides the question without ending it.
      if (!browsing) end(() => reject(cancelled()));
    });
    input.show();
  });
}
