import type { Node } from 'jsonc-parser';
import { fillDefaults, type DefaultedConfig } from '../protocol/configDefaults.ts';
import type { ModelSummary } from '../protocol/modelSummary.ts';
import { checkRunConfig } from '../protocol/parseRunConfig.ts';
import { bytesText } from '../protocol/sizeText.ts';
import { fieldNode, readConfigTree } from './configTree.ts';
import { countWords, percentWords } from './figures.ts';
import type { ModelFacts } from './modelFacts.ts';
import { integerWords, isSparse, sparseWords } from './weightForms.ts';

/** A figure shown behind a value, which is not part of the text. */
export interface ConfigHint {
  /** Where it is shown. */
  readonly offset: number;
  readonly label: string;
  /** Markdown. */
  readonly tooltip: string;
}

/** Float32 hidden states of the whole calibration text, of the dense and of the pruned model. */
const STREAMS = 2;
const FLOAT_BYTES = 4;

/**
 * Figures that follow from the values of a config: what is kept, how much is computed.
 * @param model  the model it names; null when that cannot be read
 * @returns  only those of the model while the config has problems
 */
export function configHints(text: string, model: ModelFacts | null): readonly ConfigHint[] {
  const tree = readConfigTree(text);
  if (tree === undefined) return [];
  const hints: ConfigHint[] = [];
  const tell = (path: string, label: string, tooltip = ''): void => {
    const node = fieldNode(tree, path.split('.'));
    if (node !== undefined) hints.push({ offset: node.offset + node.length, label, tooltip });
  };
  if (model !== null) tell('model', modelWords(model), model.folder);
  const check = checkRunConfig(text);
  if (!check.ok) return hints;
  const config = fillDefaults(check.config);
  if (model !== null) tell('ratio', ...ratioWords(config.ratio, model.summary));
  tellCalibration(tree, config, model, tell);
  tellSearch(tree, config, model, tell);
  if (isSparse(config)) {
    const place = lastWritten(tree, ['sparsify.method', 'sparsify.pattern', 'sparsify.scope']);
    tell(place, ...sparseWords(config, model));
  }
  const integers = integerWords(config, model);
  if (integers !== null) tell('export.quantise', ...integers);
  return hints.sort((a, b) => a.offset - b.offset);
}

type Tell = (path: string, label: string, tooltip?: string) => void;

function modelWords({ summary, bytes }: ModelFacts): string {
  const { family, layers, params } = summary;
  return `${family} · ${layers} blocks · ${countWords(params)} · ${bytesText(bytes)}`;
}

function ratioWords(ratio: number, summary: ModelSummary): [string, string] {
  const { params, blockParams, qkUnits, headDim, intermediate } = summary;
  const kept = ratio * blockParams;
  const whole = kept + params - blockParams;
  const width = (units: number): string => `${Math.round(ratio * units)} of ${units}`;
  return [
    `keeps ${countWords(kept)} of ${countWords(blockParams)} · model ${percentWords(whole / params)}`,
    [
      `${countWords(whole)} of ${countWords(params)} parameters stay in all; embeddings and norms are not pruned.`,
      `Spread evenly, each block keeps about ${width(qkUnits)} query/key units and ${width(headDim)} value units of a head, and ${width(intermediate)} neurons.`,
    ].join('\n\n'),
  ];
}

function tellCalibration(
  tree: Node,
  { calibration }: DefaultedConfig,
  model: ModelFacts | null,
  tell: Tell,
): void {
  const { windows, length } = calibration;
  const used = Math.min(length, model?.maxPositions ?? length);
  tellCap('calibration.length', length, model, tell);
  const tokens = windows * used;
  const said = `At most ${windows} windows of ${used} tokens, as far as the text has them.`;
  const place = lastWritten(tree, ['calibration.windows', 'calibration.length']);
  if (model === null) return tell(place, `= ${countWords(tokens)} tokens`, said);
  const bytes = bytesText(STREAMS * FLOAT_BYTES * tokens * model.summary.hidden);
  const held = `Their hidden states take ${bytes} of memory beside the weights.`;
  tell(place, `= ${countWords(tokens)} tokens · ${bytes}`, `${said} ${held}`);
}

function tellSearch(
  tree: Node,
  { search, method }: DefaultedConfig,
  model: ModelFacts | null,
  tell: Tell,
): void {
  const { population, generations, windows, length, enabled, preset } = search;
  if (!enabled) return;
  const used = Math.min(length, model?.maxPositions ?? length);
  tellCap('search.length', length, model, tell);
  const ofLevels = method === 'levels';
  const judgedOn = countWords(windows * used);
  tell(
    lastWritten(tree, ['search.windows', 'search.length']),
    ofLevels ? `= ${judgedOn} tokens to draw from` : `= ${judgedOn} tokens a candidate`,
    ofLevels
      ? `Each generation is judged on windows that are drawn anew from ${windows} of ${used} tokens.`
      : `Each candidate is judged on ${windows} windows of ${used} tokens.`,
  );
  const rounds = ofLevels ? generations : generations + 1;
  const candidates = population * rounds;
  const all = `${countWords(candidates)} candidates`;
  const written = ['search.population', 'search.generations'].filter((path) =>
    isWritten(tree, path),
  );
  if (written.length > 0) {
    tell(
      lastWritten(tree, written),
      `= ${all}`,
      ofLevels
        ? `${population} in each of ${rounds} generations.`
        : `${population} in each of ${rounds} generations, the first included.`,
    );
  }
  tell(
    'search.preset',
    `${all}, each on ${windows} × ${used} tokens`,
    `What the preset "${preset}" and this file say together: ${population} candidates in each of ${rounds} generations, the first included.`,
  );
}

function tellCap(path: string, length: number, model: ModelFacts | null, tell: Tell): void {
  if (model === null || length <= model.maxPositions) return;
  tell(
    path,
    `the model takes ${countWords(model.maxPositions)}`,
    'Longer windows are cut to this.',
  );
}

/** The one of some fields that stands last in the text, so that the figure follows all of them. */
function lastWritten(tree: Node, paths: readonly string[]): string {
  const places = paths.map((path) => ({
    path,
    at: fieldNode(tree, path.split('.'))?.offset ?? -1,
  }));
  return places.sort((a, b) => b.at - a.at)[0]!.path;
}

function isWritten(tree: Node, path: string): boolean {
  return fieldNode(tree, path.split('.')) !== undefined;
}
