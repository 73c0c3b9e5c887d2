import * as vscode from 'vscode';
import { hoverAt } from '../../configText/hover.ts';
import type { DeviceKnowledge } from '../devices/deviceKnowledge.ts';
import type { ModelLibrary } from '../models/modelLibrary.ts';
import { ConfigActions, rangeOf } from './codeActions.ts';
import { ConfigCompletions } from './completionItems.ts';
import { isConfig } from './configPath.ts';
import { ConfigDiagnostics } from './diagnostics.ts';
import { ConfigLenses, type Results } from './lensItems.ts';
import { ConfigInlays } from './inlays.ts';
import { markdown } from '../ui/messages.ts';

/** Run configs of any kind of file system, saved or not. */
export const CONFIG_SELECTOR: vscode.DocumentSelector = { pattern: '**/*.subnet.jsonc' };

/** What help with run configs needs of the rest of the host. */
export interface LanguageServices {
  readonly models: ModelLibrary;
  readonly devices: DeviceKnowledge;
  readonly results: Results;
}

/** Help with editing run configs: problems, repairs, completion, hover, buttons, figures. */
export function registerLanguage({
  models,
  devices,
  results,
}: LanguageServices): vscode.Disposable {
  const { languages } = vscode;
  const lenses = new ConfigLenses(results);
  const inlays = new ConfigInlays(models);
  const actionKinds = { providedCodeActionKinds: ConfigActions.kinds };
  return vscode.Disposable.from(
    lenses,
    inlays,
    new ConfigDiagnostics(models, devices),
    languages.registerCodeActionsProvider(CONFIG_SELECTOR, new ConfigActions(models), actionKinds),
    languages.registerCompletionItemProvider(
      CONFIG_SELECTOR,
      new ConfigCompletions(models),
      ...ConfigCompletions.triggers,
    ),
    languages.registerHoverProvider(CONFIG_SELECTOR, { provideHover }),
    languages.registerCodeLensProvider(CONFIG_SELECTOR, lenses),
    languages.registerInlayHintsProvider(CONFIG_SELECTOR, inlays),
  );
}

function provideHover(
  document: vscode.TextDocument,
  position: vscode.Position,
): vscode.Hover | undefined {
  if (!isConfig(document)) return undefined;
  const found = hoverAt(document.getText(), document.offsetAt(position));
  if (found === null) return undefined;
  const range = rangeOf(document, found.offset, found.length);
  return new vscode.Hover(markdown(found.markdown), range);
}
