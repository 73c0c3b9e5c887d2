import * as vscode from 'vscode';
import { cancelled } from '../../protocol/errors.ts';
import { askModal, shownChoice, type ListedChoice } from '../ui/messages.ts';

/** A choice of a QuickPick. */
export interface Choice<T> extends ListedChoice {
  readonly value: T;
}

/**
 * Asks for one of several things.
 * @throws EngineError `cancelled` when nothing was chosen
 */
export async function pickOne<T>(
  choices: readonly Choice<T>[],
  options: vscode.QuickPickOptions,
): Promise<T> {
  const chosen = await vscode.window.showQuickPick(choices.map(shownChoice), {
    matchOnDescription: true,
    ...options,
  });
  if (chosen === undefined) throw cancelled();
  return chosen.value;
}

/**
 * Asks for some of several things.
 * @param least  how many it takes at least
 * @throws EngineError `cancelled` when nothing was chosen
 */
export async function pickMany<T>(
  choices: readonly Choice<T>[],
  options: vscode.QuickPickOptions,
  least = 1,
): Promise<readonly T[]> {
  const ask = (placeHolder: string | undefined): Thenable<readonly Choice<T>[] | undefined> =>
    vscode.window.showQuickPick(choices.map(shownChoice), {
      matchOnDescription: true,
      ...options,
      ...(placeHolder === undefined ? {} : { placeHolder }),
      canPickMany: true,
    });
  let chosen = await ask(options.placeHolder);
  while (chosen !== undefined && chosen.length < least) {
    chosen = await ask(vscode.l10n.t('Select at least {0}', least));
  }
  if (chosen === undefined) throw cancelled();
  return chosen.map(({ value }) => value);
}

/**
 * Asks before something that cannot be taken back lightly.
 * @param verb  the button, e.g. "Delete Run"
 * @throws EngineError `cancelled` unless it was pressed
 */
export async function confirm(message: string, detail: string, verb: string): Promise<void> {
  const answer = await askModal(message, detail, verb);
  if (answer !== verb) throw cancelled();
}
