import { propertyNode, readConfigTree } from './configTree.ts';

/** What a line of buttons above a config offers. */
export interface ConfigLens {
  readonly action: 'run' | 'dryRun' | 'compareMethods' | 'openLastResult';
  readonly title: string;
  readonly tooltip: string;
}

/** Buttons, and what they stand above. */
export interface LensPlace {
  readonly offset: number;
  readonly lenses: readonly ConfigLens[];
}

const compare: ConfigLens = {
  action: 'compareMethods',
  title: '$(table) Compare Methods',
  tooltip: 'Make the model small in every way that "compare" names, and judge all alike',
};

/**
 * The buttons of a config: above its brace, and above the sections that have an action of their own.
 * @returns none for a text without an object
 */
export function configLenses(
  text: string,
  { hasResult }: { hasResult: boolean },
): readonly LensPlace[] {
  const root = readConfigTree(text);
  if (root === undefined) return [];
  const lenses: ConfigLens[] = [
    { action: 'run', title: '$(play) Run', tooltip: 'Search, reform and export as this file says' },
    {
      action: 'dryRun',
      title: '$(beaker) Dry Run',
      tooltip: 'Say what a run would take and give, and start nothing',
    },
    compare,
  ];
  if (hasResult) {
    lenses.push({
      action: 'openLastResult',
      title: '$(graph) Open Last Result',
      tooltip: 'Show the newest run of this config',
    });
  }
  const sparsify: ConfigLens = {
    action: 'run',
    title: '$(play) Sparsify: Run',
    tooltip: 'Run this file; zeros are put into the weights that the subnet keeps',
  };
  const above = (section: string, lens: ConfigLens): readonly LensPlace[] => {
    const node = propertyNode(root, [section]);
    return node === undefined ? [] : [{ offset: node.offset, lenses: [lens] }];
  };
  return [
    { offset: root.offset, lenses },
    ...above('sparsify', sparsify),
    ...above('compare', compare),
  ];
}
