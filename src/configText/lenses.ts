import { readConfigTree } from './configTree.ts';

/** What a line of buttons above a config offers. */
export interface ConfigLens {
  readonly action: 'run' | 'dryRun' | 'openLastResult';
  readonly title: string;
  readonly tooltip: string;
}

/** The buttons and the brace they stand above. */
export interface LensPlace {
  readonly offset: number;
  readonly lenses: readonly ConfigLens[];
}

/**
 * The buttons of a config; null for a text without an object.
 * @param hasResult  whether a run of this config has left something to look at
 */
export function configLenses(
  text: string,
  { hasResult }: { hasResult: boolean },
): LensPlace | null {
  const root = readConfigTree(text);
  if (root === undefined) return null;
  const lenses: ConfigLens[] = [
    { action: 'run', title: '$(play) Run', tooltip: 'Search, reform and export as this file says' },
    {
      action: 'dryRun',
      title: '$(beaker) Dry Run',
      tooltip: 'Say what a run would take and give, and start nothing',
    },
  ];
  if (hasResult) {
    lenses.push({
      action: 'openLastResult',
      title: '$(graph) Open Last Result',
      tooltip: 'Show the newest run of this config',
    });
  }
  return { offset: root.offset, lenses };
}
