import type { ExportReport } from './runRecord.ts';

/**
 * Whether stock transformers can build a checkpoint, why or why not as a whole sentence, and whether
 * it comes with a torch module that builds what stock code cannot.
 */
export type Loadable = NonNullable<ExportReport['loadable']>;

/**
 * How transformers loads a checkpoint, as the end of a sentence that begins with its name.
 * @param loadable  what an export reported; reports of older versions do not tell of own code
 */
export function loadsText({ transformers, ownCode }: Loadable): string {
  if (transformers) return 'loads in transformers as it is';
  return ownCode === true
    ? 'loads in transformers with trust_remote_code=True'
    : 'does not load in transformers';
}
