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

const run: ConfigLens = {
  action: 'run',
  title: '$(play) Run',
  tooltip: 'Search, reform and export as this config says',
};

const dryRun: ConfigLens = {
  action: 'dryRun',
  title: '$(beaker) Dry Run',
  tooltip: 'Estimate the time, memory and size of a run without starting it',
};

const sparsify: ConfigLens = {
  action: 'run',
  title: '$(play) Sparsify: Run',
  tooltip: 'Run this config; zeros are put into the weights that the subnet keeps',
};

/** What is known of a config beside its text. */
export interface LensFacts {
  /** A run of it can be shown. */
  readonly hasResult: boolean;
  /** The workspace is trusted. */
  readonly canRun: boolean;
}

const compare: ConfigLens = {
  action: 'compareMethods',
  title: '$(table) Compare Methods',
  tooltip: 'Prune the model with every method of the "compare" section and evaluate the results',
};

/**
 * The buttons of a config: above its brace, and above the sections that have an action of their own.
 * Those that would start something are left out where nothing may be started.
 * @returns none for a text without an object
 */
export function configLenses(text: string, { hasResult, canRun }: LensFacts): readonly LensPlace[] {
  const root = readConfigTree(text);
  if (root === undefined) return [];
  const lenses: ConfigLens[] = canRun ? [run, dryRun, compare] : [];
  if (hasResult) {
    lenses.push({
      action: 'openLastResult',
      title: '$(graph) Open Last Result',
      tooltip: 'Show the newest run of this config',
    });
  }
  const above = (section: string, lens: ConfigLens): readonly LensPlace[] => {
    const node = canRun ? propertyNode(root, [section]) : undefined;
    return node === undefined ? [] : [{ offset: node.offset, lenses: [lens] }];
  };
  return [
    ...(lenses.length === 0 ? [] : [{ offset: root.offset, lenses }]),
    ...above('sparsify', sparsify),
    ...above('compare', compare),
  ];
}
