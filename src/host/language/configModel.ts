import type * as vscode from 'vscode';
import { fieldValue, readConfigTree } from '../../configText/configTree.ts';
import type { ModelFacts } from '../../configText/modelFacts.ts';
import type { ModelLibrary } from '../models/modelLibrary.ts';
import { configFolder, resolvePath } from './configPath.ts';

/** The headers of the model that a config names; null when it names none that can be read. */
export async function factsOf(
  document: vscode.TextDocument,
  models: ModelLibrary,
): Promise<ModelFacts | null> {
  const folder = configFolder(document.uri);
  const written = fieldValue(readConfigTree(document.getText()), ['model']);
  if (folder === undefined || typeof written !== 'string' || written === '') return null;
  const reading = await models.read(resolvePath(folder, written));
  return reading.kind === 'model' ? reading.facts : null;
}
