import * as Type from 'typebox';
import { acceptsValue } from '../../protocol/acceptsValue.ts';
import { JsonLinesFile, readJsonLines } from './jsonLines.ts';

const lineSchema = Type.Object({ key: Type.String(), fitness: Type.Number() });

/**
 * Fitness of every subnet a run has evaluated, on disk as soon as it is known.
 *
 * A resumed run finds here what it paid for before it was stopped.
 */
export class EvaluationJournal {
  private readonly known = new Map<string, number>();
  private readonly file: JsonLinesFile;

  /** @param path  made when absent; a torn last line is cut off, damaged lines are left out */
  constructor(path: string) {
    this.file = new JsonLinesFile(path);
    for (const line of readJsonLines(path).lines) {
      const entry = parse(line);
      if (acceptsValue(lineSchema, entry)) this.known.set(entry.key, entry.fitness);
    }
  }

  /** Every known fitness by subnet key; grows with {@link record}. */
  all(): ReadonlyMap<string, number> {
    return this.known;
  }

  /** Number of subnets with a known fitness. */
  get size(): number {
    return this.known.size;
  }

  /** Fitness of a subnet; undefined when it was never evaluated. */
  get(key: string): number | undefined {
    return this.known.get(key);
  }

  /** Remembers a fitness. @throws EngineError `disk`; `numeric` when it is not finite */
  record(key: string, fitness: number): void {
    this.file.append({ key, fitness });
    this.known.set(key, fitness);
  }

  /** Makes everything recorded survive a power cut. */
  sync(): void {
    this.file.sync();
  }

  close(): void {
    this.file.close();
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
