import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFacts } from '../../configText/modelFacts.ts';
import type { InspectReport } from '../../protocol/engineApi.ts';

/** What the headers of a model folder say: no weight is read. */
export type ModelReading =
  | { readonly kind: 'model'; readonly facts: ModelFacts; readonly report: InspectReport }
  | {
      readonly kind: 'unreadable';
      /** A whole sentence, or two. */
      readonly why: string;
      /** There is no such folder. */
      readonly isMissing: boolean;
    };

/** Readings of model folders, kept while nothing in the folder changes. */
export class ModelReadings {
  private readonly kept = new Map<
    string,
    { readonly stamp: string; readonly reading: ModelReading }
  >();

  /** Reads the headers of a model folder, or what was read before. */
  async read(folder: string): Promise<ModelReading> {
    const stamp = await stampOf(folder);
    const known = this.kept.get(folder);
    if (known?.stamp === stamp) return known.reading;
    const { readHeaders } = await import('./readHeaders.ts');
    const reading = await readHeaders(folder, stamp === '');
    this.kept.set(folder, { stamp, reading });
    return reading;
  }
}

/** Changes when the folder, its config or a weight file does; empty when there is no folder. */
async function stampOf(folder: string): Promise<string> {
  try {
    const names = (await readdir(folder))
      .filter((name) => /\.(json|safetensors)$/.test(name))
      .sort();
    const stamps = await Promise.all(
      names.map(async (name) => {
        const { mtimeMs, size } = await stat(join(folder, name));
        return `${name}:${mtimeMs}:${size}`;
      }),
    );
    return `${folder}\n${stamps.join('\n')}`;
  } catch {
    return '';
  }
}
